//! The address of a store, and what is needed to talk to it.

use std::fmt;
use std::time::Duration;

use url::Url;

use crate::{Error, Result};

/// Something that is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { "***" })
    }
}

/// An S3 bucket and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The bucket. It exists: nobody here makes one.
    pub bucket: String,
    /// What every key begins with, without slashes at its ends; may be empty.
    pub prefix: String,
    /// `https://HOST[:PORT]` of a store other than Amazon's; asked with the bucket in the path. Empty for Amazon's.
    pub endpoint: String,
    /// Region; `us-east-1` where empty, which is what other stores expect.
    pub region: String,
    /// Key id; where it is empty, what the machine's role gives (Amazon's metadata service).
    pub access_key: String,
    /// The key's secret.
    pub secret_key: Secret,
    /// Bytes of files kept here that the store has too.
    pub cache_bytes: u64,
    /// How long one request may take, and how long a request that fails is repeated.
    pub patience: Duration,
}

impl Address {
    /// The address `s3://BUCKET[/PREFIX]` with everything else as it is by default.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(url: &str) -> Result<Self> {
        let wrong = |why: &str| Error::Address {
            url: url.to_owned(),
            why: why.to_owned(),
        };
        let parsed = Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
        if parsed.scheme() != "s3" {
            return Err(wrong("it does not begin with s3://"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() || parsed.port().is_some() {
            return Err(wrong(
                "keys and hosts do not stand in it, only bucket and prefix",
            ));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(wrong("nothing stands behind the prefix"));
        }
        let bucket = parsed.host_str().filter(|host| !host.is_empty());
        let bucket = bucket
            .ok_or_else(|| wrong("it names no bucket"))?
            .to_owned();
        let prefix = parsed.path().trim_matches('/').to_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=".contains(c);
        let steps = prefix.split('/');
        if !prefix.is_empty()
            && (!prefix.chars().all(plain)
                || steps.clone().any(|step| matches!(step, "" | "." | "..")))
        {
            return Err(wrong(
                "the prefix is made of letters, digits, - _ . = and /",
            ));
        }
        Ok(Address {
            bucket,
            prefix,
            endpoint: String::new(),
            region: String::new(),
            access_key: String::new(),
            secret_key: Secret::default(),
            cache_bytes: 16 << 30,
            patience: Duration::from_secs(30),
        })
    }

    /// `s3://BUCKET/PREFIX`.
    pub fn place(&self) -> String {
        match self.prefix.as_str() {
            "" => format!("s3://{}", self.bucket),
            prefix => format!("s3://{}/{prefix}", self.bucket),
        }
    }

    /// Looks whether the endpoint is one.
    ///
    /// # Errors
    /// It is no address of a server.
    pub fn check(&self) -> Result<()> {
        if self.endpoint.is_empty() {
            return Ok(());
        }
        let wrong = |why: String| Error::Address {
            url: self.endpoint.clone(),
            why,
        };
        let url = Url::parse(&self.endpoint).map_err(|error| wrong(error.to_string()))?;
        match url.scheme() {
            "http" | "https" if url.has_host() && matches!(url.path(), "" | "/") => Ok(()),
            _ => Err(wrong("an endpoint is https://HOST[:PORT]".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_buckets_and_prefixes() {
        let address = Address::parse("s3://watchfire/site/one/").expect("is one");
        assert_eq!(
            (&*address.bucket, &*address.prefix),
            ("watchfire", "site/one")
        );
        assert_eq!(address.place(), "s3://watchfire/site/one");
        assert_eq!(Address::parse("s3://b").expect("is one").place(), "s3://b");
        for wrong in [
            "",
            "b/p",
            "http://b/p",
            "s3://",
            "s3:///p",
            "s3://key:secret@b/p",
            "s3://b:9000/p",
            "s3://b/p?region=x",
            "s3://b/a//b",
            "s3://b/a b",
        ] {
            let error = Address::parse(wrong).expect_err(wrong);
            assert!(error.to_string().contains("s3://BUCKET/PREFIX"), "{error}");
        }
    }

    #[test]
    fn endpoints_are_servers_and_secrets_are_not_shown() {
        let mut address = Address::parse("s3://b").expect("is one");
        for (endpoint, right) in [
            ("", true),
            ("https://s3.example.com", true),
            ("http://127.0.0.1:9000/", true),
            ("ftp://h", false),
            ("s3.example.com:9000", false),
            ("https://s3.example.com/bucket", false),
        ] {
            address.endpoint = endpoint.to_owned();
            assert_eq!(address.check().is_ok(), right, "{endpoint}");
        }
        address.secret_key = Secret("hunter2".to_owned());
        assert!(!format!("{address:?}").contains("hunter2"));
    }
}
