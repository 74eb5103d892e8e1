//! What of a body is looked at: its unfolded bytes, its title, its text, and how much of one text is
//! in another. Everything is bounded; a page is hostile.

use std::collections::HashSet;
use std::io::Read;

use super::seen::Hop;

/// Characters of text that are compared.
const COMPARED: usize = 64 * 1024;
/// Characters in a shingle.
const SHINGLE: usize = 4;

/// A body as a reader would have it.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// Unfolded bytes, up to the bound.
    pub bytes: Vec<u8>,
    /// Whether there was more, or it could not be unfolded to its end.
    pub partial: bool,
    /// Why it could not be unfolded.
    pub damage: Option<String>,
}

impl Body {
    /// Unfolds what came. gzip and deflate are read; another coding leaves the bytes as they are and
    /// says so. A small body that would unfold to more than `most` bytes is read up to there.
    pub fn of(hop: &Hop, most: usize) -> Body {
        let coding = hop.header("content-encoding").unwrap_or_default();
        let cut = hop.cut != super::seen::Cut::Whole;
        let read = |input: &mut dyn Read| {
            let mut bytes = Vec::new();
            let damage = input
                .take(most as u64 + 1)
                .read_to_end(&mut bytes)
                .err()
                .map(|error| error.to_string());
            let over = bytes.len() > most;
            bytes.truncate(most);
            Body {
                partial: cut || over || damage.is_some(),
                bytes,
                damage,
            }
        };
        let raw = hop.body.as_slice();
        match coding.to_ascii_lowercase().as_str() {
            "" | "identity" => read(&mut &raw[..]),
            "gzip" | "x-gzip" => read(&mut flate2::read::MultiGzDecoder::new(raw)),
            // RFC 9110 says zlib; some servers send deflate without its frame.
            "deflate" => match read(&mut flate2::read::ZlibDecoder::new(raw)) {
                body if body.damage.is_some() && body.bytes.is_empty() => {
                    read(&mut flate2::read::DeflateDecoder::new(raw))
                }
                body => body,
            },
            other => Body {
                damage: Some(format!("content coding `{other}` is not read")),
                ..read(&mut &raw[..])
            },
        }
    }

    /// BLAKE3 of the unfolded bytes, hexadecimal.
    pub fn hash(&self) -> String {
        blake3::hash(&self.bytes).to_hex().to_string()
    }

    /// The source as text.
    pub fn source(&self, content_type: Option<&str>) -> String {
        let label = content_type
            .and_then(|kind| {
                kind.to_ascii_lowercase()
                    .split("charset=")
                    .nth(1)
                    .map(first_word)
            })
            .or_else(|| declared(&self.bytes));
        decoded(&self.bytes, label.as_deref())
    }

    /// Whether it begins as a program or an archive does: what a malware address offers.
    pub fn is_program(&self) -> bool {
        const STARTS: [&[u8]; 8] = [
            b"PK\x03\x04",
            b"MZ",
            b"\x7fELF",
            b"Rar!\x1a\x07",
            b"7z\xbc\xaf\x27\x1c",
            b"\xca\xfe\xba\xbe",
            b"\xcf\xfa\xed\xfe",
            b"dex\n03",
        ];
        STARTS.iter().any(|start| self.bytes.starts_with(start))
    }
}

fn first_word(text: &str) -> String {
    let text = text.trim_start_matches(['"', '\'', ' ']);
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_:.".contains(c)));
    text[..end.unwrap_or(text.len())].to_owned()
}

/// The charset that the first kilobyte declares.
fn declared(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    let at = head.find("charset=")?;
    Some(first_word(&head[at + "charset=".len()..]))
}

/// By the declared charset, else UTF-8; what does not fit is replaced and never fails.
fn decoded(bytes: &[u8], label: Option<&str>) -> String {
    let charset = label.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()));
    let charset = charset.unwrap_or(encoding_rs::UTF_8);
    charset.decode(bytes).0.into_owned()
}

/// The title of a page, with its white space folded.
pub fn title(source: &str) -> Option<String> {
    let start = find_tag(source, "title", 0)?;
    let open = start + source[start..].find('>')? + 1;
    let end = find_ci(&source[open..], "</title").map_or(source.len(), |at| open + at);
    let text = folded(&entities(&source[open..end]));
    (!text.is_empty()).then(|| text.chars().take(500).collect())
}

/// The text of a page: without tags, scripts, styles and comments, its white space folded. What is no
/// HTML comes out nearly as it is.
pub fn text(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        out.push(' ');
        let tag = &rest[at..];
        let skip = |end: &str| find_ci(tag, end).map_or(tag.len(), |found| found + end.len());
        let length = if tag.starts_with("<!--") {
            skip("-->")
        } else if is_tag(tag, "script") {
            skip("</script")
        } else if is_tag(tag, "style") {
            skip("</style")
        } else {
            0
        };
        let after = &tag[length..];
        let end = if length > 0 && tag.starts_with("<!--") {
            0
        } else {
            after.find('>').map_or(after.len(), |end| end + 1)
        };
        rest = &after[end..];
        if out.len() > 4 * COMPARED {
            rest = "";
        }
    }
    out.push_str(rest);
    folded(&entities(&out)).chars().take(COMPARED).collect()
}

fn is_tag(text: &str, name: &str) -> bool {
    let Some(rest) = text.get(1..1 + name.len()) else {
        return false;
    };
    let after = text[1 + name.len()..].chars().next();
    rest.eq_ignore_ascii_case(name)
        && after.is_none_or(|c| c.is_whitespace() || c == '>' || c == '/')
}

fn find_tag(source: &str, name: &str, from: usize) -> Option<usize> {
    source[from..]
        .match_indices('<')
        .map(|(at, _)| from + at)
        .find(|at| is_tag(&source[*at..], name))
}

/// Where an ASCII text stands, whatever its case. Each end tag is looked for once from where it may
/// begin, so that a page of a thousand open tags takes no thousand times as long: an end that is not
/// there ends the reading.
fn find_ci(text: &str, wanted: &str) -> Option<usize> {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    text.windows(wanted.len())
        .position(|window| window.eq_ignore_ascii_case(wanted))
}

/// The five entities that markers and titles meet, and numbers.
fn entities(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|b| b == b';');
        let read = end.and_then(|end| match &rest[1..end] {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "nbsp" => Some(' '),
            code => {
                let digits = code.strip_prefix('#')?;
                let number = match digits.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => digits.parse().ok()?,
                };
                char::from_u32(number)
            }
        });
        match (read, end) {
            (Some(c), Some(end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            _ => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// White space folded to one blank.
pub fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(4 * COMPARED));
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// How alike two texts are, from 0 to 1: the share of their runs of four characters that both have
/// (Jaccard). By characters and not by words, since Chinese has no blanks. Two empty texts are not
/// alike: nothing is known of them.
pub fn likeness(one: &str, other: &str) -> f64 {
    let (one, other) = (shingles(one), shingles(other));
    let common = one.intersection(&other).count();
    let all = one.len() + other.len() - common;
    if all == 0 {
        return 0.0;
    }
    common as f64 / all as f64
}

fn shingles(text: &str) -> HashSet<u64> {
    let chars: Vec<char> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .take(COMPARED)
        .collect();
    let size = SHINGLE.min(chars.len().max(1));
    chars
        .windows(size)
        // 21 bits hold every character, so that 64 hold three and what of the fourth tells most.
        .map(|run| {
            run.iter()
                .fold(0u64, |sum, c| (sum.rotate_left(16)) ^ u64::from(*c as u32))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_and_texts_are_read_from_bad_html() {
        let page = "<HTML><head><TITLE >\n A &amp; B\n </TITLE><script>var x='<b>no</b>'</script>\
                    <style>no{}</style></head><!-- no > --><p>yes&nbsp;&#x4e2d;<br/>more";
        assert_eq!(title(page).as_deref(), Some("A & B"));
        assert_eq!(text(page), "A & B yes 中 more");
        assert_eq!(title("<titles>no</titles>"), None);
        assert_eq!(text("<script>never ends"), "");
        assert_eq!(text("a < b"), "a");
        assert_eq!(
            text("1 &lt; 2 & 3 &bogus; &#xffffffff;"),
            "1 < 2 & 3 &bogus; &#xffffffff;"
        );
    }

    #[test]
    fn likeness_is_one_for_equal_and_small_for_others() {
        let one = "欢迎访问某某市人民政府门户网站 政务公开 办事服务 互动交流";
        assert_eq!(likeness(one, one), 1.0);
        assert!(likeness(one, "hacked by nobody, greetings to all") < 0.05);
        let changed = one.replace("办事服务", "便民服务");
        assert!(likeness(one, &changed) > 0.6);
        assert_eq!(likeness("", ""), 0.0);
    }
}
