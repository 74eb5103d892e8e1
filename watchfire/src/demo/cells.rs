//! What stands in a cell of a report row: a pure function of the sighting, its host and its row.
//!
//! Lasting traits (reverse name, certificate, device) follow from the host's key, passing ones from
//! the row's; nothing is kept and nothing is drawn in sequence, so any row can be written again, byte
//! for byte, from its keys alone. The benchmark's exact duplicates are made that way.

use std::net::IpAddr;

use super::country::{Access, Block};
use super::random::{draw, scale};
use super::reports::{Column, Sighting};
use super::text;

/// What stands in a column.
#[derive(Clone, Copy, Debug)]
pub enum Cell {
    /// Time of the sighting, seconds.
    Time,
    /// Address of the host.
    Ip,
    /// Port of the host.
    Port,
    /// Its AS number.
    Asn,
    /// Its country.
    Geo,
    /// Its region.
    Region,
    /// Its city.
    City,
    /// Its reverse name; every third host has none.
    Hostname,
    /// Its NAICS code; half of the hosts have none.
    Naics,
    /// Its sector; half of the hosts have none.
    Sector,
    /// Vendor (0), type (1) or model (2) of the device; most hosts have none.
    Device(u8),
    /// Address that saw it.
    SinkIp,
    /// Port there.
    SinkPort,
    /// AS number there.
    SinkAsn,
    /// Country there.
    SinkGeo,
    /// Region there.
    SinkRegion,
    /// City there.
    SinkCity,
    /// Infection.
    Infection,
    /// Tags.
    Tag,
    /// Host name of the site.
    Site,
    /// Path of the page.
    Path,
    /// Whole URL of the page.
    Url,
    /// Nothing.
    Empty,
    /// Always this text, in quotes.
    Text(&'static str),
    /// Always this, bare.
    Bare(&'static str),
    /// One of these by row.
    OfRow(&'static [&'static str]),
    /// One of these by host.
    OfHost(&'static [&'static str]),
    /// A number between these by row.
    Number(u64, u64),
    /// Hexadecimal digits by host.
    HexOfHost(usize),
    /// Fingerprint of this many bytes by host.
    FingerprintOfHost(usize),
    /// A past time by host, this many days later.
    DateOfHost(u64),
    /// The time of the sighting with microseconds, this many seconds later.
    Moment(i64),
    /// The time of the sighting as HTTP writes it (RFC 9110).
    HttpDate,
    /// A machine's own name by host.
    MachineName,
    /// http or https by the port.
    WebProtocol,
    /// ssh or telnet by the port that was attacked.
    Service,
    /// Software of an ssh client by host.
    SshClient,
}

const DEVICES: &[[&str; 3]] = &[
    ["Haishi Networks", "router", "HS-3200"],
    ["Haishi Networks", "wireless-controller", "HS-W6"],
    ["Tiezhen Communications", "router", "G2"],
    ["Fubiao IoT", "ip-camera", "B4"],
    ["Fubiao IoT", "dvr", "D8"],
];

/// Writes a row with its line end.
#[inline]
pub fn write_row(out: &mut Vec<u8>, columns: &[Column], sighting: &Sighting<'_>) {
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        column.cell.write(out, sighting, at as u64);
    }
    out.push(b'\n');
}

#[inline]
fn plain(out: &mut Vec<u8>, text: &str) {
    if !text.is_empty() {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

impl Cell {
    /// Writes the cell of column number `at`.
    #[inline]
    fn write(&self, out: &mut Vec<u8>, sighting: &Sighting<'_>, at: u64) {
        let block = sighting.block;
        match *self {
            Cell::Empty => {}
            Cell::Time => {
                out.push(b'"');
                text::time(out, sighting.second, b'-');
                out.push(b'"');
            }
            Cell::Ip => {
                out.push(b'"');
                text::address(out, sighting.ip);
                out.push(b'"');
            }
            Cell::Port => match sighting.port {
                0 => text::number(out, 1024 + scale(draw(sighting.row, at), 64_000)),
                port => text::number(out, u64::from(port)),
            },
            Cell::Asn => text::number(out, u64::from(block.asn)),
            Cell::Geo => plain(out, block.country),
            Cell::Region => plain(out, &block.region),
            Cell::City => plain(out, block.city(sighting.address)),
            Cell::Hostname => {
                if matches!(sighting.ip, IpAddr::V4(_)) && scale(draw(sighting.host, 1), 3) > 0 {
                    out.push(b'"');
                    reverse_name(out, sighting.address, block);
                    out.push(b'"');
                }
            }
            Cell::Naics => {
                if draw(sighting.host, 2) & 1 == 0 {
                    out.extend_from_slice(block.naics.as_bytes());
                }
            }
            Cell::Sector => {
                if draw(sighting.host, 2) & 3 == 0 {
                    plain(out, block.sector);
                }
            }
            Cell::Device(part) => {
                if scale(draw(sighting.host, 3), 8) == 0 {
                    let device =
                        &DEVICES[scale(draw(sighting.host, 4), DEVICES.len() as u64) as usize];
                    plain(out, device[usize::from(part)]);
                }
            }
            Cell::SinkIp => {
                out.push(b'"');
                text::quad(
                    out,
                    sighting.sink.first + 2 + scale(draw(sighting.row, 7), 24) as u32,
                    b'.',
                );
                out.push(b'"');
            }
            Cell::SinkPort => text::number(out, u64::from(sighting.sink_port)),
            Cell::SinkAsn => text::number(out, u64::from(sighting.sink.asn)),
            Cell::SinkGeo => plain(out, sighting.sink.country),
            Cell::SinkRegion => plain(out, &sighting.sink.region),
            Cell::SinkCity => plain(out, &sighting.sink.cities[0]),
            Cell::Infection => plain(out, sighting.infection),
            Cell::Tag => plain(out, sighting.tag),
            Cell::Site => plain(out, sighting.site),
            Cell::Path => plain(out, sighting.path),
            Cell::Url => {
                out.extend_from_slice(b"\"http://");
                match sighting.site {
                    "" => text::address(out, sighting.ip),
                    site => out.extend_from_slice(site.as_bytes()),
                }
                if sighting.port != 80 {
                    out.push(b':');
                    text::number(out, u64::from(sighting.port));
                }
                out.extend_from_slice(sighting.path.as_bytes());
                out.push(b'"');
            }
            Cell::Text(text) => plain(out, text),
            Cell::Bare(text) => out.extend_from_slice(text.as_bytes()),
            Cell::OfRow(texts) => plain(
                out,
                texts[scale(draw(sighting.row, at), texts.len() as u64) as usize],
            ),
            Cell::OfHost(texts) => plain(
                out,
                texts[scale(draw(sighting.host, 0x100 + at), texts.len() as u64) as usize],
            ),
            Cell::Number(low, high) => {
                text::number(out, low + scale(draw(sighting.row, at), high - low + 1))
            }
            Cell::HexOfHost(digits) => {
                out.push(b'"');
                text::hex(out, sighting.host, digits);
                out.push(b'"');
            }
            Cell::FingerprintOfHost(bytes) => {
                out.push(b'"');
                text::fingerprint(out, sighting.host, bytes);
                out.push(b'"');
            }
            Cell::DateOfHost(days) => {
                // Up to two years before 2026-07-01.
                let past = scale(draw(sighting.host, 5), 730 * 86_400) as i64;
                out.push(b'"');
                text::time(out, 1_782_864_000 - past + days as i64 * 86_400, b'-');
                out.push(b'"');
            }
            Cell::Moment(later) => {
                let second = sighting.second + later;
                out.push(b'"');
                text::date(
                    out,
                    model::time::Day(second.div_euclid(86_400) as i32).date(),
                    b'-',
                );
                out.push(b'T');
                text::clock(out, second.rem_euclid(86_400) as u64);
                out.push(b'.');
                let micros = scale(draw(sighting.row, at), 1_000_000);
                text::two(out, micros / 10_000);
                text::two(out, micros / 100);
                text::two(out, micros);
                out.extend_from_slice(b"Z\"");
            }
            Cell::HttpDate => {
                out.push(b'"');
                http_date(out, sighting.second);
                out.push(b'"');
            }
            Cell::WebProtocol => plain(
                out,
                if sighting.port == 443 {
                    "https"
                } else {
                    "http"
                },
            ),
            Cell::Service => plain(
                out,
                if sighting.sink_port == 23 {
                    "telnet"
                } else {
                    "ssh"
                },
            ),
            Cell::SshClient => {
                const CLIENTS: [&str; 4] = [
                    "b'SSH-2.0-Go'",
                    "b'SSH-2.0-libssh2_1.8.0'",
                    "",
                    "b'SSH-2.0-PuTTY'",
                ];
                if sighting.sink_port != 23 {
                    plain(out, CLIENTS[scale(draw(sighting.host, 9), 4) as usize]);
                }
            }
            Cell::MachineName => {
                const KINDS: [&str; 5] = ["WIN-", "DESKTOP-", "srv-", "SERVER", "node"];
                out.push(b'"');
                out.extend_from_slice(KINDS[scale(draw(sighting.host, 8), 5) as usize].as_bytes());
                let from = out.len();
                text::letters(out, sighting.host, 7);
                out[from..].make_ascii_uppercase();
                out.push(b'"');
            }
        }
    }
}

/// The name that the holder of a block gives an address.
#[inline]
fn reverse_name(out: &mut Vec<u8>, address: u32, block: &Block) {
    let (before, separator, after): (&[u8], u8, &[u8]) = match block.access {
        Access::Broadband => (b"", b'-', b".dyn."),
        Access::Mobile => (b"m-", b'-', b".net."),
        Access::Enterprise => (b"static-", b'-', b"."),
        Access::Hosting => (b"vps-", b'-', b"."),
        Access::Government => (b"h", b'-', b".net."),
        Access::Education => (b"pc", b'-', b".campus."),
    };
    out.extend_from_slice(before);
    text::quad(out, address, separator);
    out.extend_from_slice(after);
    out.extend_from_slice(block.domain.as_bytes());
}

fn http_date(out: &mut Vec<u8>, second: i64) {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let day = second.div_euclid(86_400);
    let date = model::time::Day(day as i32).date();
    out.extend_from_slice(DAYS[day.rem_euclid(7) as usize].as_bytes());
    out.extend_from_slice(b", ");
    text::two(out, date.day() as u64);
    out.push(b' ');
    out.extend_from_slice(MONTHS[date.month() as usize - 1].as_bytes());
    out.push(b' ');
    text::number(out, date.year() as u64);
    out.push(b' ');
    text::clock(out, second.rem_euclid(86_400) as u64);
    out.extend_from_slice(b" GMT");
}
