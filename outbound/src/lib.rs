//! The one way out: addresses that may be asked, and the client that asks them.
