//! Mail that comes back to us: fetched here, archived by whom it is handed to, read by
//! [`formats::mail`].

pub mod imap;
