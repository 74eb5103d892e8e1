//! The sealed package: what is handed to a party, a court or another team, and checked there without
//! this program. A zip, stored and not compressed, its members in order and without times, so that the
//! same evidence gives the same bytes.
//!
//! `SHA256SUMS` lists every other member as `sha256sum -c` reads it; `manifest.json` says the same with
//! BLAKE3 and media types; `custody.tsv` tells who had what when. The seal is the SHA-256 of
//! `SHA256SUMS`: whoever wrote it down (the audit chain does) knows every byte.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use model::time::Timestamp;
use ring::digest::{SHA256, digest};
use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{Piece, instant};

/// Members that the package makes itself.
const OWN: [&str; 4] = ["README.txt", "SHA256SUMS", "custody.tsv", "manifest.json"];

/// A step of the chain of custody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Custody {
    /// When.
    pub at: Timestamp,
    /// Who: a person or a part of the system.
    pub who: String,
    /// What was done: collected, stored, exported, handed over.
    pub what: String,
    /// The member it is about; empty for all.
    pub member: String,
}

/// A package, and what seals it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The zip.
    pub bytes: Vec<u8>,
    /// SHA-256 of `SHA256SUMS`, hexadecimal: the seal.
    pub seal: String,
    /// SHA-256 of the zip, hexadecimal.
    pub sha256: String,
    /// BLAKE3 of the zip, hexadecimal.
    pub blake3: String,
}

/// Why no package is made.
#[derive(Debug, thiserror::Error)]
pub enum NotSealed {
    /// A name that could lead out of a folder, or that another member has.
    #[error(
        "evidence `{0}` cannot be packed under this name: use letters, digits, `.`, `-`, `_` and `/`, once"
    )]
    Name(String),
    /// The archive could not be written.
    #[error("the package could not be written: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// The same, of a member.
    #[error("the package could not be written: {0}")]
    Io(#[from] std::io::Error),
}

/// Packs pieces. `about` is one line that says what the evidence is of, such as an incident's number.
///
/// # Errors
/// A name that is unfit or used twice.
pub fn seal(about: &str, pieces: &[Piece], custody: &[Custody]) -> Result<Sealed, NotSealed> {
    let mut members: BTreeMap<&str, (&'static str, &[u8])> = BTreeMap::new();
    for piece in pieces {
        let taken = members.insert(&piece.name, (piece.media, &piece.bytes));
        if !fit(&piece.name) || taken.is_some() {
            return Err(NotSealed::Name(piece.name.clone()));
        }
    }
    let listed: Vec<_> = members
        .iter()
        .map(|(name, (media, bytes))| {
            json!({
                "name": name, "media": media, "bytes": bytes.len(),
                "sha256": sha256(bytes), "blake3": blake3::hash(bytes).to_hex().as_str(),
            })
        })
        .collect();
    let manifest = json!({ "format": 1, "about": line(about), "evidence": listed });
    let manifest = format!("{manifest:#}\n");
    let custody = custody_lines(custody, &members);
    let readme = README.replace("{about}", &line(about));
    members.insert(
        "README.txt",
        ("text/plain; charset=utf-8", readme.as_bytes()),
    );
    members.insert(
        "custody.tsv",
        ("text/tab-separated-values", custody.as_bytes()),
    );
    members.insert("manifest.json", ("application/json", manifest.as_bytes()));
    let mut sums = String::new();
    for (name, (_, bytes)) in &members {
        sums.push_str(&format!("{}  {name}\n", sha256(bytes)));
    }
    let seal = sha256(sums.as_bytes());
    members.insert("SHA256SUMS", ("text/plain", sums.as_bytes()));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644);
    for (name, (_, bytes)) in &members {
        zip.start_file(*name, options)?;
        zip.write_all(bytes)?;
    }
    let bytes = zip.finish()?.into_inner();
    Ok(Sealed {
        seal,
        sha256: sha256(&bytes),
        blake3: blake3::hash(&bytes).to_hex().to_string(),
        bytes,
    })
}

fn custody_lines(custody: &[Custody], members: &BTreeMap<&str, (&'static str, &[u8])>) -> String {
    let mut out = String::from("number\tat (UTC)\twho\twhat\tmember\tsha256 of the member\n");
    for (number, step) in custody.iter().enumerate() {
        let hash = members.get(step.member.as_str());
        let hash = hash.map_or_else(|| "-".to_owned(), |(_, bytes)| sha256(bytes));
        let member = if step.member.is_empty() {
            "all"
        } else {
            &step.member
        };
        out.push_str(&format!(
            "{}\t{}\t{}\t{}\t{}\t{hash}\n",
            number + 1,
            instant(step.at),
            line(&step.who),
            line(&step.what),
            line(member),
        ));
    }
    out
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// Nothing ends a line or a column.
fn line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn fit(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_/".contains(c);
    let parts = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.starts_with('-');
    name.len() <= 200
        && name.chars().all(plain)
        && name.split('/').all(parts)
        && !OWN.contains(&name)
}

const README: &str = "\
Evidence / 证据: {about}

How to check / 核验方法
  1. Unpack into an empty folder / 解压到空目录:      unzip PACKAGE.zip
  2. Check every file / 校验每个文件:                 sha256sum -c SHA256SUMS
  3. Check the list itself / 校验清单本身:            sha256sum SHA256SUMS
     The result must be the seal that you were given by another way (letter, telephone, ticket).
     结果应与通过其他途径（公文、电话、工单）告知的封签一致。

What is in it / 内容
  SHA256SUMS      SHA-256 of every other file / 其他每个文件的 SHA-256
  manifest.json   size, media type, SHA-256 and BLAKE3 of the evidence / 证据的大小、类型与两种散列
  custody.tsv     who did what when, in UTC / 保管链：何人、何时、做了什么（UTC）
  *.warc.gz       pages as they were received, with requests and all redirects (WARC 1.1, ISO 28500)
                  收到的网页原文，含请求和每一次跳转
  *dns.json       answers of resolvers / 解析结果
  *certificates.json  certificate chains as shown / 服务器出示的证书链
  *finding.json   what was concluded from it, by which rule / 结论及所依据的规则
The evidence may contain harmful content. Do not open it in a browser. / 证据可能含有害内容，请勿用浏览器打开。
";
