//! What was seen, kept so that others can check it: [`warc`] writes pages as web archives, [`json`]
//! answers of resolvers and certificates, [`screenshot`] takes a picture where a browser is
//! configured, and [`sealed`] packs it all with its hashes and the chain of custody.

use serde_json::{Value, json};

use super::probe::Looked;
use super::seen::{Page, Seen};

pub mod screenshot;
pub mod sealed;
pub mod warc;

/// A piece of evidence: a name within the package, and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// `page.warc.gz`, `dns.json` ...
    pub name: String,
    /// Media type.
    pub media: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Everything a look leaves. `vantage` names from where it was done, `software` what did it.
pub fn pieces(looked: &Looked, vantage: &str, software: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut page = |name: &str, page: &Page| {
        let bytes = warc::archive(page, vantage, software);
        pieces.push(Piece {
            name: format!("{name}.warc.gz"),
            media: "application/warc",
            bytes,
        });
        if let Some(tls) = certificates(page) {
            pieces.push(json(&format!("{name}-certificates.json"), &tls));
        }
    };
    match &looked.seen {
        Seen::Page(seen) => page("page", seen),
        Seen::Compared {
            page: seen,
            missing,
        } => {
            page("page", seen);
            page("missing", missing);
        }
        Seen::Names(names) => pieces.push(json("dns.json", &json!(names))),
        Seen::Port(port) => pieces.push(json("port.json", &json!(port))),
        // The registry's answer is kept by whoever asked, as it came.
        Seen::Registration(_) => {}
    }
    let finding = json!({
        "probe": looked.probe,
        "client": looked.client,
        "vantage": vantage,
        "at": instant(looked.at),
        "software": software,
        "judged": looked.judged,
    });
    pieces.push(json("finding.json", &finding));
    pieces
}

/// The certificate chains of a page's hops; `None` where none was shown.
pub fn certificates(page: &Page) -> Option<Value> {
    let hops: Vec<Value> = page
        .hops
        .iter()
        .filter_map(|hop| {
            let tls = hop.tls.as_ref()?;
            Some(json!({ "url": hop.url, "address": hop.address, "at": instant(hop.at), "tls": tls }))
        })
        .collect();
    (!hops.is_empty()).then(|| Value::Array(hops))
}

/// A piece of JSON, indented, with its last line ended.
pub fn json(name: &str, value: &Value) -> Piece {
    Piece {
        name: name.to_owned(),
        media: "application/json",
        bytes: format!("{value:#}\n").into_bytes(),
    }
}

/// An instant as WARC and the custody lines write it: UTC, to the microsecond.
pub fn instant(at: model::time::Timestamp) -> String {
    match at.to_jiff() {
        Some(at) => at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        None => "0000-00-00T00:00:00.000000Z".to_owned(),
    }
}
