//! The `turquoise` command.

fn main() {}
