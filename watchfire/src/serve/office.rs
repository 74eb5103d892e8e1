//! What the console's pages ask of the workspace: one file an area, each behind the trait that the console declares.

mod casework;

pub use casework::Casework;
