//! What the console asks of the binary: orchestration that needs the whole workspace. A file here answers one trait of
//! the crate `console`, on threads that may wait, with the functions behind the commands.

mod newsroom;

pub use newsroom::Newsroom;
