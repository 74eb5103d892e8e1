//! The renderers as a whole: one frozen bulletin in, the same truth in every format out.

mod differences;
mod geometry;
pub mod golden;
pub mod hostile;
mod numbers;
mod outputs;
mod print;
pub mod specimen;
