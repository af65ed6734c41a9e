//! The two ways to give a [`Cloud`](crate::Cloud) time and packets.
