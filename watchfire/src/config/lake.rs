//! `[lake]`: where the lake, blobs and reference files lie; how the store's secret is read and shown.

use std::path::Path;

use storage::{Address, Secret};

use super::Resolver;
use super::expand::{Target, Unexpanded, expand, masked};
use super::written::{LakeSection, Written};

/// The section as it may be shown: without the secret, unless a variable stands for it, which gives nothing away.
pub fn shown(section: &LakeSection) -> LakeSection {
    LakeSection {
        secret_key: masked(&section.secret_key),
        ..section.clone()
    }
}

impl Resolver<'_> {
    /// The store's address, `None` for the folder of the workspace.
    pub(super) fn lake(&mut self, written: &Written, root: &Path) -> Option<Address> {
        let section = &written.lake;
        let url = self.expanded("lake.url", &section.url)?;
        if url.is_empty() {
            return None;
        }
        let mut address = match Address::parse(&url) {
            Ok(address) => address,
            Err(error) => {
                let remedy =
                    "write s3://BUCKET/PREFIX, or leave it empty for the folder of the workspace";
                self.problem("lake.url", error.to_string(), remedy);
                return None;
            }
        };
        address.endpoint = self.expanded("lake.endpoint", &section.endpoint)?;
        if let Err(error) = address.check() {
            let remedy = "write https://HOST[:PORT], or leave it empty for Amazon's";
            self.problem("lake.endpoint", error.to_string(), remedy);
        }
        address.region = self.expanded("lake.region", &section.region)?;
        address.access_key = self.expanded("lake.access_key", &section.access_key)?;
        let written = self.expanded("lake.secret_key", &section.secret_key)?;
        let file = self.expanded("lake.secret_file", &section.secret_file)?;
        address.secret_key = Secret(match (written.is_empty(), file.is_empty()) {
            (true, false) => {
                let path = root.join(&file);
                match std::fs::read_to_string(&path) {
                    Ok(text) => text.trim().to_owned(),
                    Err(error) => {
                        let message = format!("lake.secret_file {}: {error}", path.display());
                        self.problem(
                            "lake.secret_file",
                            message,
                            "look at the file and its rights",
                        );
                        return None;
                    }
                }
            }
            (false, false) => {
                let message = "lake.secret_key and lake.secret_file are both set";
                self.problem("lake.secret_file", message, "keep one of them");
                return None;
            }
            _ => written,
        });
        if address.access_key.is_empty() != address.secret_key.0.is_empty() {
            let message = "lake.access_key and its secret are only of use together";
            let remedy = "set both (the secret by WATCHFIRE__LAKE__SECRET_KEY or lake.secret_file), or none where the machine's role gives them";
            self.problem("lake.access_key", message, remedy);
        }
        if section.cache_mb < 64 {
            let message = format!("cache_mb = {} is too little to work in", section.cache_mb);
            self.problem(
                "lake.cache_mb",
                message,
                "give it 64 or more; 16384 is the default",
            );
        }
        address.cache_bytes = section.cache_mb << 20;
        Some(address)
    }

    /// A text with its variables replaced; `None` where one is not set, which is told.
    pub(super) fn expanded(&mut self, key: &str, text: &str) -> Option<String> {
        match expand(text.trim(), self.environment, Target::Url) {
            Ok(text) => Some(text),
            Err(Unexpanded::Unset(name)) => {
                let message = format!("environment variable {name} is not set, and {key} names it");
                let remedy = format!("export {name}=..., as in the unit file of the service");
                self.problem(key, message, &remedy);
                None
            }
            Err(Unexpanded::Malformed(_)) => {
                let message = format!("{key}: `${{` does not begin the name of a variable");
                self.problem(key, message, "write ${NAME} with letters, digits and _");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_shown_nowhere() {
        for (written, expected) in [
            ("", ""),
            ("${S3_SECRET}", "${S3_SECRET}"),
            ("hunter2", "***"),
            ("x${A}", "***"),
            ("${A}x${B}", "***"),
        ] {
            let section = LakeSection {
                secret_key: written.to_owned(),
                ..LakeSection::default()
            };
            assert_eq!(shown(&section).secret_key, expected, "{written}");
        }
    }
}
