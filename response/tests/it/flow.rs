//! The loop: from events to notices, from answers to the end, by the stores alone.

mod asking;
mod bench;
mod checking;
mod mailing;
mod marking;
mod triaging;
