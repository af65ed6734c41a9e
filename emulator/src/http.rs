//! The axum face: bytes in, [`Cloud`](crate::Cloud), bytes out.
