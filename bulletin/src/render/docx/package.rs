//! The ZIP container of a document: entries in the order written, each with the same fixed time.

use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// A container in the making. Writing into memory cannot fail.
pub struct Package(ZipWriter<Cursor<Vec<u8>>>);

impl Package {
    pub fn new() -> Package {
        Package(ZipWriter::new(Cursor::new(Vec::new())))
    }

    /// A part of XML, packed.
    pub fn part(&mut self, name: &str, content: &[u8]) {
        self.put(name, content, CompressionMethod::Deflated);
    }

    /// A picture, which is packed already.
    pub fn stored(&mut self, name: &str, content: &[u8]) {
        self.put(name, content, CompressionMethod::Stored);
    }

    fn put(&mut self, name: &str, content: &[u8], method: CompressionMethod) {
        let options = SimpleFileOptions::default()
            .compression_method(method)
            // 1 January 1980, the first moment that the container knows.
            .last_modified_time(DateTime::default());
        self.0
            .start_file(name, options)
            .expect("memory takes every entry");
        self.0.write_all(content).expect("memory takes every byte");
    }

    /// The bytes.
    pub fn finish(self) -> Vec<u8> {
        self.0
            .finish()
            .expect("memory takes the directory")
            .into_inner()
    }
}
