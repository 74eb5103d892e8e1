//! A bucket of an S3-compatible store: `ListObjectsV2`, then the objects that are new or have another
//! entity tag; where a store lists no tags, another time or size. Requests are signed with AWS Signature Version 4 ("Authenticating Requests: Using the
//! Authorization Header"); without a user they are not signed, for public buckets.
//!
//! `fetch.url` is the bucket: `https://store.example.net/reports` or
//! `https://reports.store.example.net`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::mem::take;

use jiff::tz::TimeZone;
use quick_xml::events::Event;
use ring::{digest, hmac};
use url::Url;

use super::client::{Ask, Session, below};
use super::failure::{Failure, Kind, Result};
use super::fetch::Batch;
use super::spool::Spool;

/// Objects that a listing may have; a larger one wants `fetch.options.prefix`.
const MOST_KEYS: usize = 500_000;

/// Fetches new and changed objects into the batch, in the order of their keys.
///
/// # Errors
/// See [`Session::send`]; and a list that is none.
pub async fn fetch(session: &Session<'_>, spool: &mut Spool, batch: &mut Batch) -> Result<()> {
    let listed = list(session).await?;
    batch
        .state
        .keep_only(&listed.keys().cloned().collect::<BTreeSet<_>>());
    let bucket = format!("{}/", session.plan.shown.trim_end_matches('/'));
    for (key, tag) in listed {
        // A key that ends in a slash is a folder as some tools make it.
        if key.ends_with('/') || batch.state.seen.get(&key) == Some(&tag) {
            continue;
        }
        if batch.full() {
            return Ok(());
        }
        match one(session, spool, &bucket, &key).await {
            Ok(kept) => {
                if let Some(kept) = kept {
                    batch.take(kept);
                }
                batch.state.seen.insert(key, tag);
            }
            Err(failure) => {
                if batch.fail(failure) {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

async fn one(
    session: &Session<'_>,
    spool: &mut Spool,
    bucket: &str,
    key: &str,
) -> Result<Option<super::spool::Spooled>> {
    if key.split('/').any(|part| part == "." || part == "..") {
        let detail =
            format!("{bucket}{key}: a key with `.` or `..` cannot be asked for; rename it");
        return Err(Failure::new(Kind::Refused, detail));
    }
    let url = below(session.plan.url()?, &encoded(key, true));
    let ask = signed(session, url, format!("{bucket}{key}"))?;
    let (folder, name) = match key.rsplit_once('/') {
        Some((folder, name)) => (format!("{bucket}{folder}/"), name),
        None => (bucket.to_owned(), key),
    };
    Ok(session.to_spool(&ask, spool, &folder, name).await?.1)
}

/// All keys with their versions, as [`Page::objects`] has them.
async fn list(session: &Session<'_>) -> Result<BTreeMap<String, String>> {
    let plan = session.plan;
    let mut found = BTreeMap::new();
    let mut token: Option<String> = None;
    loop {
        let mut query = BTreeMap::from([
            ("list-type", "2".to_owned()),
            ("encoding-type", "url".to_owned()),
        ]);
        query.extend(
            plan.option("prefix")
                .map(|prefix| ("prefix", prefix.to_owned())),
        );
        query.extend(token.clone().map(|token| ("continuation-token", token)));
        let query: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value, false)))
            .collect();
        let mut url = plan.url()?.clone();
        url.set_query(Some(&query.join("&")));
        let (_, bytes) = session
            .to_memory(&signed(session, url, plan.shown.clone())?)
            .await?;
        let page = page(&bytes).map_err(|detail| {
            Failure::malformed(format!(
                "{} sends no list of a bucket: {detail}",
                plan.shown
            ))
        })?;
        found.extend(page.objects);
        if found.len() > MOST_KEYS {
            let detail = format!(
                "{} has more than {MOST_KEYS} objects; narrow it by `fetch.options.prefix`",
                plan.shown
            );
            return Err(Failure::new(Kind::Limit, detail));
        }
        match page.next {
            Some(next) if token.as_ref() != Some(&next) => token = Some(next),
            Some(_) => {
                let detail = format!("{} lists the same page again and again", plan.shown);
                return Err(Failure::new(Kind::Refused, detail));
            }
            None => return Ok(found),
        }
    }
}

#[derive(Debug, Default, PartialEq)]
struct Page {
    /// Keys, and what changes with the object: its entity tag, else its time and size.
    objects: Vec<(String, String)>,
    next: Option<String>,
}

/// Reads a `ListBucketResult`.
fn page(bytes: &[u8]) -> Result<Page, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let mut reader = quick_xml::Reader::from_str(text);
    let mut page = Page::default();
    let (mut path, mut value) = (Vec::<String>::new(), String::new());
    let (mut key, mut tag) = (String::new(), String::new());
    let (mut modified, mut size) = (String::new(), String::new());
    let (mut urls, mut rooted) = (false, false);
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                if path.len() > 8 {
                    return Err("it is nested too deep".to_owned());
                }
                path.push(start.local_name().into_inner().to_owned());
                if path.len() == 1 && path[0] != "ListBucketResult" {
                    return Err(format!("its root is <{}>", path[0]));
                }
                rooted = true;
                value.clear();
            }
            Event::Text(piece) => value.push_str(&piece.xml10_content()),
            Event::CData(piece) => value.push_str(&piece.xml10_content()),
            Event::GeneralRef(name) => match &*name {
                "amp" => value.push('&'),
                "lt" => value.push('<'),
                "gt" => value.push('>'),
                "quot" => value.push('"'),
                "apos" => value.push('\''),
                other => match numbered(other) {
                    Some(c) => value.push(c),
                    None => return Err(format!("unknown entity &{other};")),
                },
            },
            Event::End(_) => {
                let at: Vec<&str> = path.iter().skip(1).map(String::as_str).collect();
                match at.as_slice() {
                    ["Contents", "Key"] => key = take(&mut value),
                    ["Contents", "ETag"] => tag = take(&mut value),
                    ["Contents", "LastModified"] => modified = take(&mut value),
                    ["Contents", "Size"] => size = take(&mut value),
                    ["Contents"] => {
                        let stamp = format!("{} {}", take(&mut modified), take(&mut size));
                        let version = match take(&mut tag) {
                            tag if tag.is_empty() => stamp,
                            tag => tag,
                        };
                        match take(&mut key) {
                            key if key.is_empty() => {}
                            key => page.objects.push((key, version)),
                        }
                    }
                    ["EncodingType"] => urls = value == "url",
                    ["NextContinuationToken"] => page.next = Some(take(&mut value)),
                    _ => {}
                }
                path.pop();
                value.clear();
            }
            Event::DocType(_) => return Err("it has a document type".to_owned()),
            Event::Eof if path.is_empty() && rooted => break,
            Event::Eof => return Err("it is cut off".to_owned()),
            _ => {}
        }
    }
    if urls {
        // Some servers say that they encode, and do not: such keys stand as they are.
        let encoded = page.objects.iter_mut().map(|(key, _)| key);
        for key in encoded.filter(|key| may_be_encoded(key)) {
            // In this encoding a blank is `+` or `%20`, a plus sign `%2B`.
            *key = url::form_urlencoded::parse(format!("k={key}").as_bytes())
                .next()
                .map(|(_, key)| key.into_owned())
                .unwrap_or_default();
        }
    }
    Ok(page)
}

/// Whether a text holds only what is left of a key after it was encoded for a URL.
fn may_be_encoded(key: &str) -> bool {
    let left = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~*!'()/+".contains(&byte);
    let mut rest = key.as_bytes();
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                after
            }
            (byte, after) if left(*byte) => after,
            _ => return false,
        };
    }
    true
}

fn numbered(name: &str) -> Option<char> {
    let digits = name.strip_prefix('#')?;
    let code = match digits.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    char::from_u32(code)
}

/// Percent-encodes all but RFC 3986's unreserved characters, as the signature demands.
fn encoded(text: &str, keep_slash: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte as char)
            }
            b'/' if keep_slash => out.push('/'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

fn signed(session: &Session<'_>, url: Url, shown: String) -> Result<Ask> {
    let plan = session.plan;
    let mut ask = Ask::get(url, shown);
    let (Some(user), Some(secret)) = (&plan.user, &plan.password) else {
        return Ok(ask);
    };
    let at = session
        .now()
        .to_jiff()
        .map(|at| at.to_zoned_datetime(TimeZone::UTC));
    let at = at.ok_or_else(|| Failure::new(Kind::Local, "the clock is out of range: set it"))?;
    let signer = Signer {
        user,
        secret,
        region: plan.option("region").unwrap_or("us-east-1"),
        moment: at.strftime("%Y%m%dT%H%M%SZ").to_string(),
    };
    let nothing = hex(digest::digest(&digest::SHA256, b"").as_ref());
    let authorization = signer.authorization(&ask.url, &nothing);
    ask.private.push(("x-amz-date", signer.moment));
    ask.private.push(("x-amz-content-sha256", nothing));
    ask.private.push(("authorization", authorization));
    Ok(ask)
}

struct Signer<'a> {
    user: &'a str,
    secret: &'a str,
    region: &'a str,
    /// `20130524T000000Z`.
    moment: String,
}

impl Signer<'_> {
    /// The `Authorization` header of a GET without a body.
    fn authorization(&self, url: &Url, payload: &str) -> String {
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or("").to_owned(),
        };
        let names = "host;x-amz-content-sha256;x-amz-date";
        let request = format!(
            "GET\n{}\n{}\nhost:{host}\nx-amz-content-sha256:{payload}\nx-amz-date:{}\n\n{names}\n{payload}",
            url.path(),
            sorted(url.query().unwrap_or("")),
            self.moment,
        );
        let day = self.moment.get(..8).unwrap_or("");
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let hashed = hex(digest::digest(&digest::SHA256, request.as_bytes()).as_ref());
        let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hashed}", self.moment);
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, self.region, "s3", "aws4_request"] {
            key = tag(&key, part).as_ref().to_vec();
        }
        let signature = hex(tag(&key, &text).as_ref());
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}",
            self.user
        )
    }
}

fn sorted(query: &str) -> String {
    let mut parts: Vec<&str> = query.split('&').collect();
    parts.sort_unstable();
    parts.join("&")
}

fn tag(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_documentation() {
        // "Examples: Signature Calculations", GET Bucket (List Objects).
        let signer = Signer {
            user: "AKIAIOSFODNN7EXAMPLE",
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            region: "us-east-1",
            moment: "20130524T000000Z".to_owned(),
        };
        let url = "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J"
            .parse()
            .unwrap();
        let empty = hex(digest::digest(&digest::SHA256, b"").as_ref());
        let header = signer.authorization(&url, &empty);
        let expected = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
        assert!(header.ends_with(expected), "{header}");
    }

    #[test]
    fn a_listing_is_read() {
        let text = r#"<?xml version="1.0"?><ListBucketResult xmlns="x"><Name>b</Name><EncodingType>url</EncodingType>
            <Contents><Key>a%20b+c%2Bd/1.csv</Key><ETag>&quot;11&quot;</ETag><Owner><ID>o</ID></Owner></Contents>
            <Contents><Key>z%26</Key><ETag>"2"</ETag></Contents>
            <NextContinuationToken>t=</NextContinuationToken></ListBucketResult>"#;
        let page = page(text.as_bytes()).unwrap();
        let expected = [("a b c+d/1.csv", "\"11\""), ("z&", "\"2\"")];
        for ((key, tag), (wanted, version)) in page.objects.iter().zip(expected) {
            assert_eq!((key.as_str(), tag.as_str()), (wanted, version));
        }
        assert_eq!(page.next.as_deref(), Some("t="));
        let untagged = r"<ListBucketResult><Contents><Key>a</Key><LastModified>2026-11-16T00:00:00Z</LastModified>
            <Size>7</Size></Contents><Contents><Key>b</Key><Size>8</Size></Contents></ListBucketResult>";
        let versions: Vec<String> = super::page(untagged.as_bytes())
            .unwrap()
            .objects
            .into_iter()
            .map(|(_, version)| version)
            .collect();
        assert_eq!(versions, ["2026-11-16T00:00:00Z 7", " 8"]);
        for raw in ["b c+d%.csv", "e&amp;f=.csv", "报告.csv", "50%.csv", "a%2"] {
            let text = text.replace("z%26", raw);
            let page = super::page(text.as_bytes()).unwrap();
            assert_eq!(page.objects[1].0, raw.replace("&amp;", "&"));
            assert_eq!(page.objects[0].0, "a b c+d/1.csv");
        }
    }

    #[test]
    fn what_is_no_listing_is_refused() {
        let bombs = [
            "",
            "<html></html>",
            "<ListBucketResult><Contents>",
            "no XML",
            "<!DOCTYPE x [<!ENTITY a 'b'>]><ListBucketResult/>",
            "<ListBucketResult><Contents><Key>&boom;</Key></Contents></ListBucketResult>",
        ];
        for text in bombs {
            assert!(page(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn keys_are_encoded_for_the_signature() {
        assert_eq!(encoded("a b/ü+~.csv", true), "a%20b/%C3%BC%2B~.csv");
        assert_eq!(encoded("a/b=", false), "a%2Fb%3D");
    }
}
