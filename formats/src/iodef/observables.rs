//! What IODEF's systems and indicators name: addresses, hosts, networks, accounts and hashes.

use base64::Engine as _;
use model::field::Field;

use super::tree::Node;
use crate::value;

/// What one record is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Asset {
    /// Values of fields, as source.
    pub fields: Vec<(Field, String)>,
    /// What the system is to the event: source, target, intermediate ...
    pub category: Option<String>,
    pub description: Option<String>,
    /// Targets, where there are several.
    pub targets: Vec<String>,
    /// Ports, where there are several.
    pub ports: Vec<String>,
    pub files: Vec<String>,
}

impl Asset {
    fn of(field: Field, text: &str) -> Asset {
        Asset {
            fields: vec![(field, text.to_owned())],
            ..Asset::default()
        }
    }

    fn first(&self) -> &str {
        self.fields.first().map_or("", |(_, text)| text)
    }
}

/// Targets that are listed with a source.
const MAX_TARGETS: usize = 50;

/// The records of a flow: its sources with their target; without a source, all but sensors.
pub(super) fn of_flow(flow: &Node) -> Vec<Asset> {
    let all: Vec<Asset> = flow.all("System").flat_map(system).collect();
    let is = |asset: &Asset, name: &str| asset.category.as_deref() == Some(name);
    let any_source = all.iter().any(|asset| is(asset, "source"));
    let spared = |asset: &Asset| is(asset, "sensor") || any_source && is(asset, "target");
    let targets: Vec<&Asset> = all.iter().filter(|asset| is(asset, "target")).collect();
    let mut accused: Vec<Asset> = all.iter().filter(|asset| !spared(asset)).cloned().collect();
    for asset in accused.iter_mut().filter(|asset| is(asset, "source")) {
        match targets.as_slice() {
            [] => {}
            [target] => {
                let fields = target.fields.iter();
                asset.fields.extend(
                    fields
                        .filter_map(|(field, text)| Some((as_destination(*field)?, text.clone()))),
                );
                // The ports that were aimed at say more than those that were come from.
                if !target.ports.is_empty() {
                    asset.ports = target.ports.clone();
                }
            }
            several => {
                let names = several.iter().map(|target| target.first().to_owned());
                asset.targets = names.take(MAX_TARGETS).collect();
            }
        }
    }
    for asset in accused.iter_mut().filter(|asset| is(asset, "source")) {
        asset.category = None;
    }
    accused
}

fn as_destination(field: Field) -> Option<Field> {
    Some(match field {
        Field::SourceIp => Field::DestinationIp,
        Field::SourcePort => Field::DestinationPort,
        Field::SourceHost => Field::DestinationHost,
        Field::SourceUrl => Field::DestinationUrl,
        Field::SourceNetwork => Field::DestinationNetwork,
        Field::SourceAsn => Field::DestinationAsn,
        Field::SourceAccount => Field::DestinationAccount,
        _ => return None,
    })
}

/// The assets of a `System`: one for each address, with the node's name where it has one only.
fn system(system: &Node) -> Vec<Asset> {
    let mut names: Vec<&str> = Vec::new();
    let mut addresses: Vec<(Field, String)> = Vec::new();
    for node in system.all("Node") {
        names.extend(node.all("NodeName").filter_map(Node::text));
        for domain in node.all("DomainData") {
            names.extend(domain.child_text("Name"));
        }
        addresses.extend(node.all("Address").filter_map(address));
    }
    let mut common: Vec<(Field, String)> = Vec::new();
    let mut ports: Vec<String> = Vec::new();
    for service in system.all("Service") {
        let protocol = service
            .attribute("ip_protocol")
            .or(service.attribute("ip-protocol"));
        let name = match protocol {
            Some("6") => Some("tcp"),
            Some("17") => Some("udp"),
            Some("1") => Some("icmp"),
            _ => None,
        };
        if let Some(name) = name
            && !common
                .iter()
                .any(|(field, _)| *field == Field::ProtocolTransport)
        {
            common.push((Field::ProtocolTransport, name.to_owned()));
        }
        ports.extend(
            service
                .all("Port")
                .filter_map(Node::text)
                .map(str::to_owned),
        );
        ports.extend(
            service
                .all("Portlist")
                .filter_map(Node::text)
                .map(str::to_owned),
        );
    }
    if let [port] = ports.as_slice()
        && value::int(port).is_some()
    {
        common.push((Field::SourcePort, port.clone()));
        ports.clear();
    }
    let mut assets: Vec<Asset> = Vec::new();
    for (field, text) in addresses {
        let mut asset = Asset::of(field, &text);
        if let [name] = names.as_slice() {
            asset.fields.push((Field::SourceHost, (*name).to_owned()));
        }
        assets.push(asset);
    }
    if assets.is_empty() || names.len() > 1 {
        assets.extend(names.iter().map(|name| Asset::of(Field::SourceHost, name)));
    }
    let description = system.child_text("Description");
    for asset in &mut assets {
        asset.fields.extend(common.iter().cloned());
        asset.ports.clone_from(&ports);
        asset.category = system.attribute("category").map(str::to_owned);
        asset.description = description.map(str::to_owned);
    }
    assets
}

/// An `Address`; its category is ipv4-addr where it says none (RFC 5070 section 3.17).
fn address(node: &Node) -> Option<(Field, String)> {
    let text = node.text()?;
    let field = by_kind(node.attribute("category").unwrap_or("ipv4-addr"))?;
    Some((field, text.to_owned()))
}

/// The field of a category of addresses or of a type of bulk observables (RFC 7970 sections 3.18.1
/// and 3.29.3.1).
fn by_kind(kind: &str) -> Option<Field> {
    Some(match kind {
        "ipv4-addr" | "ipv6-addr" => Field::SourceIp,
        "ipv4-net" | "ipv6-net" => Field::SourceNetwork,
        "asn" => Field::SourceAsn,
        "e-mail" => Field::SourceAccount,
        "site-uri" => Field::SourceUrl,
        "domain-name" => Field::SourceHost,
        _ => return None,
    })
}

/// The assets that an indicator names.
pub(super) fn assets(indicator: &Node) -> Vec<Asset> {
    let mut found = Vec::new();
    collect(indicator, &mut found);
    found
}

fn collect(node: &Node, found: &mut Vec<Asset>) {
    match node.name.as_str() {
        "System" => found.extend(system(node)),
        "Address" => found.extend(address(node).map(|(field, text)| Asset::of(field, &text))),
        "DomainData" => {
            found.extend(
                node.child_text("Name")
                    .map(|name| Asset::of(Field::SourceHost, name)),
            );
        }
        "EmailData" => {
            found.extend(
                node.child_text("EmailFrom")
                    .map(|from| Asset::of(Field::SourceAccount, from)),
            );
        }
        "BulkObservable" => bulk(node, found),
        "File" => file(node, found),
        // What must not be there accuses nobody; contacts and references name those who tell.
        "IndicatorExpression" if node.attribute("operator") == Some("not") => {}
        "Contact" | "Reference" | "Assessment" | "Expectation" => {}
        _ => node.children.iter().for_each(|child| collect(child, found)),
    }
}

/// A list of observables of one kind, one a line; of a pair the first is taken with the second.
fn bulk(node: &Node, found: &mut Vec<Asset>) {
    let kind = node.attribute("type").unwrap_or_default();
    let lines = node
        .child_text("BulkObservableList")
        .unwrap_or_default()
        .lines();
    for line in lines.filter_map(value::given) {
        match kind {
            "ipv4-port" | "ipv6-port" => {
                let pair = line
                    .rsplit_once([',', ' '])
                    .map(|(ip, port)| (ip.trim(), port.trim()));
                let (ip, port) = pair.unwrap_or((line, ""));
                let mut asset = Asset::of(Field::SourceIp, ip);
                if !port.is_empty() {
                    asset.fields.push((Field::SourcePort, port.to_owned()));
                }
                found.push(asset);
            }
            "file-hash" => found.extend(hash(line).map(|(field, text)| Asset::of(field, &text))),
            kind => found.extend(by_kind(kind).map(|field| Asset::of(field, line))),
        }
    }
}

/// A file with its hashes (`HashData`, section 3.26): one record.
fn file(node: &Node, found: &mut Vec<Asset>) {
    let mut asset = Asset::default();
    asset
        .files
        .extend(node.child_text("FileName").map(str::to_owned));
    node.each(&mut |inner| {
        if inner.name == "DigestValue"
            && let Some((field, text)) = inner.text().and_then(hash)
            && !asset.fields.iter().any(|(known, _)| *known == field)
        {
            asset.fields.push((field, text));
        }
    });
    if !asset.fields.is_empty() {
        found.push(asset);
    }
}

/// A hash in hex digits, or in base64 as XML signatures write it.
fn hash(text: &str) -> Option<(Field, String)> {
    let by_bytes = |len: usize| match len {
        16 => Some(Field::Md5),
        20 => Some(Field::Sha1),
        32 => Some(Field::Sha256),
        _ => None,
    };
    if text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && let Some(field) = by_bytes(text.len() / 2)
    {
        return Some((field, text.to_owned()));
    }
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .ok()?;
    let field = by_bytes(bytes.len())?;
    let mut hex = String::new();
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            hex.extend(char::from_digit(u32::from(nibble), 16));
        }
    }
    Some((field, hex))
}
