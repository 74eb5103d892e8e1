//! Spamhaus' feed for national CERTs: `ip, asn, country, lastseen, botname, domain, remote_ip,
//! remote_port, local_port, protocol`, comments with `;`. The bot's name decides what the address did;
//! names that are not in the table are malware that it is infected with. `-` and `?` say nothing.

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::Record;
use model::reject::RejectReason;

use crate::entry::{self, Entry};
use crate::line::{Emit, Fault, Lines};
use crate::{Context, Format, Reader, Unreadable, value};

/// Spamhaus' feed for CERTs.
pub const FORMAT: Format = Format {
    name: "spamhaus-cert",
    about: "Spamhaus' feed for national CERTs",
    open,
    check,
};

/// What a bot's name means.
struct Bot {
    name: &'static str,
    class: &'static str,
    identifier: &'static str,
    application: &'static str,
    description: &'static str,
    reference: &'static str,
}

const fn bot(
    name: &'static str,
    class: &'static str,
    identifier: &'static str,
    application: &'static str,
    description: &'static str,
) -> Bot {
    Bot {
        name,
        class,
        identifier,
        application,
        description,
        reference: "",
    }
}

/// Names that stand for what the address did, and not for malware.
const BOTS: &[Bot] = &[
    bot(
        "authspoofbadehlo",
        "brute-force",
        "authentication-spoof",
        "smtp",
        "The device spoofed SMTP authentication with a bad EHLO.",
    ),
    bot(
        "extortion",
        "spam",
        "extortion",
        "smtp",
        "This device sent extortion mails.",
    ),
    bot("imap", "brute-force", "imap", "imap", ""),
    bot(
        "iotcmd",
        "scanner",
        "iotcmd",
        "",
        "The possibly infected IoT device tried to run commands on other devices.",
    ),
    bot(
        "iotlogin",
        "brute-force",
        "iotlogin",
        "",
        "The possibly infected IoT device tried to log in to other devices.",
    ),
    bot("iotrdp", "scanner", "rdp", "rdp", ""),
    bot(
        "iotscan",
        "scanner",
        "telnet",
        "telnet",
        "The possibly infected IoT device scanned for other vulnerable IoT devices.",
    ),
    Bot {
        reference: "https://www.abuseat.org/lookup.cgi",
        ..bot(
            "misc",
            "spam",
            "spam",
            "smtp",
            "This device is sending spam as part of a botnet. See abuseat.org for more details.",
        )
    },
    bot("openrelay", "vulnerable-system", "openrelay", "smtp", ""),
    bot("pop", "brute-force", "pop3", "pop3", ""),
    bot(
        "proxyget",
        "other",
        "proxyget",
        "",
        "The malicious client used a honeypot as proxy.",
    ),
    bot("smtpauth", "brute-force", "smtp", "smtp", ""),
    bot("sshauth", "brute-force", "ssh", "ssh", ""),
    bot("telnetauth", "brute-force", "telnet", "telnet", ""),
    bot(
        "w_wplogin",
        "scanner",
        "wordpress-login",
        "http",
        "scanning for wordpress login pages",
    ),
    bot(
        "wpscanner",
        "scanner",
        "wordpress-vulnerabilities",
        "http",
        "scanning for wordpress vulnerabilities",
    ),
];

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check_fixed(feed);
    problems.extend(entry::check_options(feed, &[]));
    problems
}

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    if head.trim_ascii().is_empty() {
        return Err(Unreadable::Empty);
    }
    let zone = ctx.zone.clone();
    let parse = move |line: &str, record: &mut Record, emit: &mut Emit<'_>| {
        read(line, record, &zone)?;
        emit(record);
        Ok(())
    };
    Ok(Lines::reader(Entry::compile(ctx)?, &[";", "#"], parse))
}

fn read(line: &str, record: &mut Record, zone: &TimeZone) -> Result<(), Fault> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    let &[
        ip,
        asn,
        country,
        seen,
        name,
        domain,
        remote_ip,
        remote_port,
        local_port,
        transport,
    ] = cells.as_slice()
    else {
        let message = format!("{} columns where 10 are expected", cells.len());
        return Err((RejectReason::ColumnCount, message));
    };
    let mut set = |field: Field, text: &str| {
        let text = if text == "?" { "" } else { text };
        value::set(record, field, text, zone).map_err(|bad| (bad.reason, bad.message(text)))
    };
    set(Field::SourceIp, ip)?;
    set(Field::ObservedAt, seen)?;
    let name = name.to_ascii_lowercase();
    let known = BOTS.iter().find(|bot| bot.name == name);
    if let Some(bot) = known {
        set(Field::ClassType, bot.class)?;
        set(Field::ClassIdentifier, bot.identifier)?;
        set(Field::ProtocolApplication, bot.application)?;
        set(Field::Description, bot.description)?;
        set(Field::DescriptionUrl, bot.reference)?;
    } else if matches!(name.as_str(), "l_spamlink" | "s_spamlink") {
        // The columns of the connection hold the link, and who sent it with what.
        set(Field::ClassType, "spam")?;
        set(Field::ClassIdentifier, "spamlink")?;
        set(Field::SourceUrl, domain)?;
        let text = "The URL appeared in a spam email sent by extra.spam_ip.";
        set(Field::Description, text)?;
    } else {
        set(Field::ClassType, "infected-system")?;
        match name.as_str() {
            "auto" => set(Field::MalwareName, "s_other")?,
            "iotmirai" => {
                set(Field::MalwareName, "mirai")?;
                set(Field::ClassIdentifier, "mirai")?;
            }
            name => set(Field::MalwareName, name)?,
        }
    }
    let link = name.ends_with("_spamlink");
    for (field, text) in [
        (Field::SourceAsn, asn),
        (Field::SourceCountry, country),
        (Field::DestinationPort, remote_port),
        (Field::ProtocolTransport, transport),
        (Field::DestinationIp, if link { "" } else { remote_ip }),
        (Field::DestinationHost, if link { "" } else { domain }),
    ] {
        // What is not what its column says (an address for a domain) says nothing more.
        let _ = set(field, text);
    }
    if !record.has(Field::SourceIp) {
        return Err((RejectReason::MissingField, "the row has no address".into()));
    }
    if link {
        let mut parts = local_port.split(':');
        let (ip, version, name) = (parts.next(), parts.next(), parts.next());
        if let Some(ip) = ip.and_then(value::given) {
            record.extra_text("spam_ip", ip);
        }
        if let Some(version) = version.and_then(value::given) {
            record.set_text(Field::MalwareVersion, version);
        }
        if let Some(name) = name.and_then(value::given) {
            record.set_text(Field::MalwareName, &name.to_lowercase());
        }
    } else if let Some(port) = value::int(local_port) {
        record.extra_value("source.local_port", &port.into());
    }
    Ok(())
}
