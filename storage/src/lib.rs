//! Where the files of a workspace lie.
