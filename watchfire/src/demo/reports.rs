//! The 18 report types of the demo and the benchmark, in the published form of Shadowserver's reports.
//!
//! One table row a column: its name, where a schema maps it, by which function, and what stands in
//! it. The CSV header, the cells and the schema file (same JSON shape as the published one, written
//! here, descriptions our own) all come from this table, so they cannot disagree.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::cells::Cell::{self, *};
use super::country::Block;

/// One column of a report.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Name in the header.
    pub name: &'static str,
    /// IntelMQ key; `extra.` means a member of extra under the column's name.
    to: &'static str,
    /// Conversion function of the schema; empty for none.
    function: &'static str,
    /// Whether a row without it is no event.
    required: bool,
    /// What stands in it.
    pub cell: Cell,
}

/// What one row is about; everything else of the row follows from its keys.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// When, in seconds since 1970, UTC.
    pub second: i64,
    /// Key of the host: its lasting traits follow from it.
    pub host: u64,
    /// Key of the row: its passing traits follow from it.
    pub row: u64,
    /// Address of the host.
    pub ip: IpAddr,
    /// The same as a number for IPv4; for IPv6 the lower bits.
    pub address: u32,
    /// Port of the host; 0 draws one for the row as clients do.
    pub port: u16,
    /// Where the host is.
    pub block: &'a Block,
    /// The sinkhole or target that saw it.
    pub sink: &'a Block,
    /// Port there.
    pub sink_port: u16,
    /// Infection, as the report names it.
    pub infection: &'a str,
    /// Tags.
    pub tag: &'a str,
    /// Host name of the site that it is about.
    pub site: &'a str,
    /// Path of the page that it is about.
    pub path: &'a str,
}

/// A report type.
#[derive(Clone, Copy, Debug)]
pub struct ReportType {
    /// Key in the schema.
    pub key: &'static str,
    /// Type in the file's name.
    pub file: &'static str,
    /// Name for people.
    pub name: &'static str,
    taxonomy: &'static str,
    class: &'static str,
    identifier: &'static str,
    application: &'static str,
    parts: &'static [&'static [Column]],
    /// Ports on which it finds hosts; empty where the port is the client's.
    pub ports: &'static [u16],
    /// Share of the benchmark's rows, relative.
    pub share: u64,
}

const fn opt(name: &'static str, to: &'static str, function: &'static str, cell: Cell) -> Column {
    Column {
        name,
        to,
        function,
        required: false,
        cell,
    }
}

const fn must(name: &'static str, to: &'static str, function: &'static str, cell: Cell) -> Column {
    Column {
        name,
        to,
        function,
        required: true,
        cell,
    }
}

const fn extra(name: &'static str, cell: Cell) -> Column {
    opt(name, "extra.", "validate_to_none", cell)
}

/// What every event report begins with.
const EVENT: &[Column] = &[
    must("timestamp", "time.source", "add_UTC_to_timestamp", Time),
    opt("protocol", "protocol.transport", "", Text("tcp")),
    must("src_ip", "source.ip", "validate_ip", Ip),
    must("src_port", "source.port", "convert_int", Port),
    opt("src_asn", "source.asn", "invalidate_zero", Asn),
    opt("src_geo", "source.geolocation.cc", "", Geo),
    opt("src_region", "source.geolocation.region", "", Region),
    opt("src_city", "source.geolocation.city", "", City),
    opt("src_hostname", "source.reverse_dns", "", Hostname),
    opt("src_naics", "extra.source.naics", "invalidate_zero", Naics),
    opt(
        "src_sector",
        "extra.source.sector",
        "validate_to_none",
        Sector,
    ),
    opt(
        "device_vendor",
        "product.vendor",
        "validate_to_none",
        Device(0),
    ),
    extra("device_type", Device(1)),
    opt(
        "device_model",
        "product.name",
        "validate_to_none",
        Device(2),
    ),
    opt("dst_ip", "destination.ip", "validate_ip", SinkIp),
    opt("dst_port", "destination.port", "convert_int", SinkPort),
    opt("dst_asn", "destination.asn", "invalidate_zero", SinkAsn),
    opt("dst_geo", "destination.geolocation.cc", "", SinkGeo),
    opt(
        "dst_region",
        "destination.geolocation.region",
        "",
        SinkRegion,
    ),
    opt("dst_city", "destination.geolocation.city", "", SinkCity),
    opt(
        "dst_hostname",
        "destination.reverse_dns",
        "validate_to_none",
        Empty,
    ),
    opt(
        "dst_naics",
        "extra.destination.naics",
        "invalidate_zero",
        Bare("518210"),
    ),
    opt(
        "dst_sector",
        "extra.destination.sector",
        "validate_to_none",
        Empty,
    ),
    extra(
        "public_source",
        OfRow(&["", "", "", "demo-sink", "demo-sink-2"]),
    ),
    extra("infection", Infection),
    extra("family", Infection),
    extra("tag", Tag),
    extra("application", Empty),
    extra("version", Empty),
    extra("event_id", Empty),
];

const EVENT_HTTP: &[Column] = &[
    opt(
        "http_url",
        "destination.url",
        "convert_http_host_and_url",
        Path,
    ),
    opt("http_host", "destination.fqdn", "validate_fqdn", Site),
    extra(
        "http_agent",
        OfHost(&[
            "",
            "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)",
            "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36",
            "Mozilla/4.0",
            "",
        ]),
    ),
    extra("forwarded_by", Empty),
    extra("ssl_cipher", Empty),
    extra("http_referer", Empty),
];

/// What every scan report begins with.
const SCAN: &[Column] = &[
    must("timestamp", "time.source", "add_UTC_to_timestamp", Time),
    must("ip", "source.ip", "validate_ip", Ip),
    opt("protocol", "protocol.transport", "", Text("tcp")),
    must("port", "source.port", "convert_int", Port),
    opt("hostname", "source.reverse_dns", "", Hostname),
    extra("tag", Tag),
    opt("asn", "source.asn", "invalidate_zero", Asn),
    opt("geo", "source.geolocation.cc", "", Geo),
    opt("region", "source.geolocation.region", "", Region),
    opt("city", "source.geolocation.city", "", City),
    opt("naics", "extra.source.naics", "invalidate_zero", Naics),
    opt("sector", "extra.source.sector", "validate_to_none", Sector),
];

const DEVICE: &[Column] = &[
    opt(
        "device_vendor",
        "product.vendor",
        "validate_to_none",
        Device(0),
    ),
    extra("device_type", Device(1)),
    opt(
        "device_model",
        "product.name",
        "validate_to_none",
        Device(2),
    ),
];

/// The column with which reports began to say how bad a finding is; see [`super::weeks::SEVERITY_FROM`].
const SEVERITY: Column = opt(
    "severity",
    "severity",
    "validate_to_none",
    OfHost(&["critical", "high", "high", "medium"]),
);

/// Every type, with the heaviest first.
pub const REPORTS: &[ReportType] = &[
    ReportType {
        key: "event_sinkhole",
        file: "event4_sinkhole",
        name: "Sinkhole events",
        taxonomy: "malicious-code",
        class: "infected-system",
        identifier: "",
        application: "",
        parts: &[EVENT],
        ports: &[],
        share: 23,
    },
    ReportType {
        key: "event_sinkhole_http",
        file: "event4_sinkhole_http",
        name: "Sinkhole events over HTTP",
        taxonomy: "malicious-code",
        class: "infected-system",
        identifier: "",
        application: "http",
        parts: &[EVENT, EVENT_HTTP],
        ports: &[],
        share: 17,
    },
    ReportType {
        key: "event4_microsoft_sinkhole_http",
        file: "event4_microsoft_sinkhole_http",
        name: "Vendor sinkhole events over HTTP",
        taxonomy: "malicious-code",
        class: "infected-system",
        identifier: "",
        application: "http",
        parts: &[EVENT, EVENT_HTTP],
        ports: &[],
        share: 6,
    },
    ReportType {
        key: "event6_sinkhole",
        file: "event6_sinkhole",
        name: "Sinkhole events over IPv6",
        taxonomy: "malicious-code",
        class: "infected-system",
        identifier: "",
        application: "",
        parts: &[EVENT],
        ports: &[],
        share: 1,
    },
    ReportType {
        key: "event_honeypot_brute_force",
        file: "event4_honeypot_brute_force",
        name: "Password guessing seen by honeypots",
        taxonomy: "intrusion-attempts",
        class: "brute-force",
        identifier: "brute-force",
        application: "",
        parts: &[
            EVENT,
            &[
                extra("service", Service),
                opt("start_time", "extra.", "convert_date_utc", Moment(0)),
                opt("end_time", "extra.", "convert_date_utc", Moment(1)),
                extra("client_version", SshClient),
                opt(
                    "username",
                    "destination.account",
                    "validate_to_none",
                    OfRow(&["root", "root", "admin", "user", "test", "oracle"]),
                ),
                extra("password", Empty),
                extra("payload_url", Empty),
                extra("payload_md5", Empty),
            ],
        ],
        ports: &[],
        share: 9,
    },
    ReportType {
        key: "event_ddos_participant",
        file: "event4_ddos_participant",
        name: "Hosts that took part in flooding",
        taxonomy: "availability",
        class: "ddos",
        identifier: "ddos-participant",
        application: "",
        parts: &[
            EVENT,
            &[
                extra(
                    "attack",
                    OfRow(&["syn-flood", "http-flood", "udp-plain", "atk10"]),
                ),
                opt("duration", "extra.", "convert_int", Number(10, 600)),
                extra("http_method", OfRow(&["GET", "GET", "POST", ""])),
                opt("packet_length", "extra.", "convert_int", Number(60, 1440)),
            ],
        ],
        ports: &[],
        share: 3,
    },
    ReportType {
        key: "compromised_website",
        file: "compromised_website",
        name: "Compromised websites",
        taxonomy: "intrusions",
        class: "system-compromise",
        identifier: "compromised-website",
        application: "",
        parts: &[&[
            must("timestamp", "time.source", "add_UTC_to_timestamp", Time),
            must("ip", "source.ip", "validate_ip", Ip),
            must("port", "source.port", "convert_int", Port),
            opt("hostname", "source.reverse_dns", "", Hostname),
            extra("tag", Tag),
            opt(
                "application",
                "protocol.application",
                "validate_to_none",
                WebProtocol,
            ),
            opt("asn", "source.asn", "invalidate_zero", Asn),
            opt("geo", "source.geolocation.cc", "", Geo),
            opt("region", "source.geolocation.region", "", Region),
            opt("city", "source.geolocation.city", "", City),
            opt("url", "source.url", "convert_http_host_and_url", Path),
            opt("http_host", "source.fqdn", "validate_fqdn", Site),
            opt(
                "category",
                "event_description.text",
                "category_or_detail",
                OfHost(&["webshell", "webshell", "backdoor"]),
            ),
            extra("system", OfHost(&["Linux", "Linux", "", "WINNT"])),
            extra("detected_since", DateOfHost(0)),
            extra(
                "server",
                OfHost(&[
                    "nginx",
                    "nginx/1.18.0",
                    "Apache/2.4.41",
                    "Microsoft-IIS/8.5",
                    "",
                ]),
            ),
            extra("redirect_target", Empty),
            opt("naics", "extra.", "invalidate_zero", Naics),
            extra("sector", Sector),
            extra("cc_url", Empty),
            opt("family", "malware.name", "validate_to_none", Empty),
            opt("account", "source.account", "validate_to_none", Empty),
            extra("detail", Empty),
            opt("status", "status", "", OfRow(&["compromised"])),
        ]],
        ports: &[443, 443, 80],
        share: 4,
    },
    ReportType {
        key: "compromised_iot",
        file: "compromised_iot",
        name: "Compromised devices",
        taxonomy: "intrusions",
        class: "system-compromise",
        identifier: "compromised-iot",
        application: "",
        parts: &[
            SCAN,
            DEVICE,
            &[
                opt(
                    "category",
                    "event_description.text",
                    "validate_to_none",
                    OfHost(&["malware", "backdoor", "proxy"]),
                ),
                opt("family", "malware.name", "validate_to_none", Infection),
                extra("detail", Empty),
                opt("status", "status", "", OfRow(&["compromised"])),
            ],
        ],
        ports: &[22, 23, 8080, 8443],
        share: 3,
    },
    ReportType {
        key: "malware_url",
        file: "malware_url",
        name: "Addresses from which malware is fetched",
        taxonomy: "malicious-code",
        class: "malware-distribution",
        identifier: "malware-url",
        application: "",
        parts: &[&[
            must("timestamp", "time.source", "add_UTC_to_timestamp", Time),
            opt("url", "source.url", "convert_http_host_and_url", Url),
            opt("host", "source.fqdn", "validate_fqdn", Site),
            must("ip", "source.ip", "validate_ip", Ip),
            must("port", "source.port", "convert_int", Port),
            opt("asn", "source.asn", "invalidate_zero", Asn),
            opt("geo", "source.geolocation.cc", "", Geo),
            opt("region", "source.geolocation.region", "", Region),
            opt("city", "source.geolocation.city", "", City),
            opt("naics", "extra.source.naics", "invalidate_zero", Naics),
            opt("sector", "extra.source.sector", "validate_to_none", Sector),
            extra("tag", Tag),
            extra("source", OfRow(&["", "demo-honeypot"])),
            opt(
                "sha256",
                "malware.hash.sha256",
                "validate_to_none",
                HexOfHost(64),
            ),
            extra("application", OfRow(&["http"])),
        ]],
        ports: &[80, 80, 8080, 50_008],
        share: 4,
    },
    ReportType {
        key: "scan_rdp",
        file: "scan_rdp",
        name: "Remote desktops open to the internet",
        taxonomy: "vulnerable",
        class: "vulnerable-system",
        identifier: "open-rdp",
        application: "rdp",
        parts: &[
            SCAN,
            &[
                extra("rdp_protocol", OfHost(&["SSL", "RDP", "NLA"])),
                opt("cert_length", "extra.", "convert_int", Bare("2048")),
                extra("subject_common_name", MachineName),
                extra("issuer_common_name", MachineName),
                extra("cert_issue_date", DateOfHost(0)),
                extra("cert_expiration_date", DateOfHost(183)),
                extra("sha1_fingerprint", FingerprintOfHost(20)),
                opt("ssl_version", "extra.", "convert_int", Bare("2")),
                extra(
                    "signature_algorithm",
                    OfHost(&[
                        "sha256WithRSAEncryption",
                        "sha256WithRSAEncryption",
                        "sha1WithRSAEncryption",
                    ]),
                ),
                extra("key_algorithm", Text("rsaEncryption")),
                extra("jarm", Empty),
            ],
        ],
        ports: &[3389],
        share: 7,
    },
    ReportType {
        key: "scan_telnet",
        file: "scan_telnet",
        name: "Telnet open to the internet",
        taxonomy: "vulnerable",
        class: "vulnerable-system",
        identifier: "open-telnet",
        application: "telnet",
        parts: &[
            SCAN,
            &[extra(
                "banner",
                OfHost(&[
                    "|Login: ",
                    "|Username:",
                    "|login: |Password: ",
                    "|BusyBox v1.19|login:",
                    "||User Access Verification||Username: ",
                ]),
            )],
        ],
        ports: &[23, 23, 23, 2323],
        share: 5,
    },
    ReportType {
        key: "scan_snmp",
        file: "scan_snmp",
        name: "SNMP open to the internet",
        taxonomy: "vulnerable",
        class: "vulnerable-system",
        identifier: "open-snmp",
        application: "snmp",
        parts: &[
            SCAN,
            DEVICE,
            &[
                opt(
                    "version",
                    "extra.",
                    "validate_to_none",
                    OfHost(&["2", "2", "1"]),
                ),
                extra("sysname", MachineName),
                extra(
                    "sysdesc",
                    OfHost(&[
                        "Linux router 3.10.14 #1 SMP",
                        "Hardware: x86 Family 6 Software: 6.1",
                        "HS-3200 V2.1 demo build",
                        "",
                    ]),
                ),
                extra("community", Text("public")),
                opt("response_size", "extra.", "convert_int", Number(76, 420)),
                opt(
                    "uptime",
                    "extra.",
                    "convert_int",
                    Number(10_000, 90_000_000),
                ),
            ],
        ],
        ports: &[161],
        share: 5,
    },
    ReportType {
        key: "scan_smb",
        file: "scan_smb",
        name: "SMB open to the internet",
        taxonomy: "vulnerable",
        class: "vulnerable-system",
        identifier: "open-smb",
        application: "smb",
        parts: &[
            SCAN,
            &[
                extra(
                    "smb_implant",
                    OfHost(&["N", "N", "N", "N", "N", "N", "N", "N", "N", "Y"]),
                ),
                extra("arch", OfHost(&["", "x64", "x86"])),
                extra("key", Empty),
                opt(
                    "smb_major_number",
                    "extra.",
                    "validate_to_none",
                    OfHost(&["2", "3"]),
                ),
                opt(
                    "smb_minor_number",
                    "extra.",
                    "validate_to_none",
                    OfHost(&["1", "0", "11"]),
                ),
                extra(
                    "smb_version_string",
                    OfHost(&["SMB 2.1", "SMB 3.0", "SMB 3.1.1"]),
                ),
            ],
        ],
        ports: &[445],
        share: 3,
    },
    ReportType {
        key: "scan_elasticsearch",
        file: "scan_elasticsearch",
        name: "Search engines open to the internet",
        taxonomy: "vulnerable",
        class: "vulnerable-system",
        identifier: "open-elasticsearch",
        application: "elasticsearch",
        parts: &[
            SCAN,
            &[
                opt(
                    "version",
                    "extra.",
                    "validate_to_none",
                    OfHost(&["7.17.3", "7.10.2", "6.8.23", "5.6.16", "1.4.1"]),
                ),
                extra("ok", Empty),
                extra("name", MachineName),
                extra(
                    "cluster_name",
                    OfHost(&["elasticsearch", "docker-cluster", "logs", "search"]),
                ),
                extra("status", Bare("200")),
                extra("build_hash", HexOfHost(40)),
                extra("build_timestamp", DateOfHost(0)),
                extra("build_snapshot", Text("N")),
                extra("lucene_version", OfHost(&["8.11.1", "8.7.0", "7.7.3"])),
                extra("tagline", Text("You Know, for Search")),
            ],
        ],
        ports: &[9200],
        share: 3,
    },
    ReportType {
        key: "scan_redis",
        file: "scan_redis",
        name: "Key-value stores open to the internet",
        taxonomy: "vulnerable",
        class: "vulnerable-system",
        identifier: "open-redis",
        application: "redis",
        parts: &[
            SCAN,
            &[
                opt(
                    "version",
                    "extra.",
                    "validate_to_none",
                    OfHost(&["6.2.6", "5.0.7", "3.2.100", "4.0.9"]),
                ),
                extra("git_sha1", Bare("00000000")),
                extra("mode", OfHost(&["standalone", "standalone", "cluster"])),
                extra(
                    "os",
                    OfHost(&[
                        "Linux 3.10.0-1160.el7.x86_64 x86_64",
                        "Linux 5.4.0-91-generic x86_64",
                        "Windows",
                    ]),
                ),
                extra("architecture", Bare("64")),
                extra(
                    "multiplexing_api",
                    OfHost(&["epoll", "epoll", "winsock_IOCP"]),
                ),
                extra("process_id", Number(1, 32_000)),
                extra("run_id", HexOfHost(40)),
                opt("uptime", "extra.", "convert_int", Number(3_600, 9_000_000)),
                extra("connected_clients", Number(1, 60)),
            ],
        ],
        ports: &[6379],
        share: 3,
    },
    ReportType {
        key: "scan_adb",
        file: "scan_adb",
        name: "Debug bridges open to the internet",
        taxonomy: "vulnerable",
        class: "vulnerable-system",
        identifier: "open-adb",
        application: "adb",
        parts: &[
            SCAN,
            &[
                extra(
                    "name",
                    OfHost(&["demo_tv", "rk3229_box", "p212", "demo_phone"]),
                ),
                extra(
                    "model",
                    OfHost(&["Fubiao TV B1", "Generic TV Box", "Fubiao Pad"]),
                ),
                extra("device", OfHost(&["demo_tv", "rk3229", "p212"])),
                extra("features", OfHost(&["", "cmd,shell_v2"])),
            ],
        ],
        ports: &[5555],
        share: 3,
    },
    ReportType {
        key: "scan_vnc",
        file: "scan_vnc",
        name: "Shared screens open to the internet",
        taxonomy: "vulnerable",
        class: "vulnerable-system",
        identifier: "open-vnc",
        application: "vnc",
        parts: &[
            SCAN,
            &[
                opt(
                    "product",
                    "product.name",
                    "validate_to_none",
                    OfHost(&[
                        "RealVNC",
                        "TightVNC",
                        "UltraVNC",
                        "Apple remote desktop vnc",
                    ]),
                ),
                extra(
                    "banner",
                    OfHost(&["RFB 003.008", "RFB 003.889", "RFB 005.000"]),
                ),
            ],
        ],
        ports: &[5900, 5900, 5901],
        share: 3,
    },
    ReportType {
        key: "scan_http_vulnerable",
        file: "scan_http_vulnerable",
        name: "Web servers with known holes",
        taxonomy: "vulnerable",
        class: "vulnerable-system",
        identifier: "vulnerable-http",
        application: "http",
        parts: &[
            SCAN,
            &[
                extra("http", Text("HTTP/1.1")),
                opt(
                    "http_code",
                    "extra.",
                    "convert_int",
                    OfHost(&["200", "200", "401", "302"]),
                ),
                extra("http_reason", OfHost(&["OK", "Unauthorized", "Found"])),
                extra(
                    "content_type",
                    OfHost(&["text/html", "text/html; charset=utf-8"]),
                ),
                extra("www_authenticate", Empty),
                extra("set_cookie", Empty),
                extra(
                    "server",
                    OfHost(&[
                        "nginx",
                        "Apache/2.4.49 (Unix)",
                        "Microsoft-IIS/7.5",
                        "mini_httpd/1.19",
                    ]),
                ),
                opt(
                    "content_length",
                    "extra.",
                    "convert_int",
                    Number(120, 9_000),
                ),
                extra("http_date", HttpDate),
                extra("version", OfHost(&["", "12.1.55", "8.0.2"])),
                extra("detail", Empty),
            ],
        ],
        ports: &[443, 80, 8080, 8443],
        share: 2,
    },
];

impl ReportType {
    /// The type of this name in file names.
    ///
    /// # Panics
    /// If there is none: names are written in this crate.
    pub fn named(file: &str) -> &'static ReportType {
        REPORTS
            .iter()
            .find(|report| report.file == file)
            .expect("report types are named as in the table")
    }

    /// The columns in the order of the file; the severity column came later.
    pub fn columns(&self, with_severity: bool) -> Vec<Column> {
        let mut columns: Vec<Column> = self
            .parts
            .iter()
            .flat_map(|part| part.iter().copied())
            .collect();
        if with_severity {
            columns.push(SEVERITY);
        }
        columns
    }

    /// The header line.
    pub fn header(&self, with_severity: bool) -> String {
        let names: Vec<String> = self
            .columns(with_severity)
            .iter()
            .map(|column| format!("\"{}\"", column.name))
            .collect();
        names.join(",") + "\n"
    }

    /// Whether what it sees are clients, whose port is drawn for each row.
    pub fn sees_clients(&self) -> bool {
        self.ports.is_empty()
    }

    fn schema(&self) -> Value {
        let mut constants = Map::new();
        let mut constant = |key: &str, value: &str| {
            if !value.is_empty() {
                constants.insert(key.to_owned(), json!(value));
            }
        };
        constant("classification.identifier", self.identifier);
        constant("classification.taxonomy", self.taxonomy);
        constant("classification.type", self.class);
        constant("protocol.application", self.application);
        let row = |to: &str, column: &Column| match column.function {
            "" => json!([to, column.name]),
            // These two look at the whole row.
            "convert_http_host_and_url" | "category_or_detail" => {
                json!([to, column.name, column.function, true])
            }
            function => json!([to, column.name, function]),
        };
        let (mut required, mut optional) = (Vec::new(), Vec::new());
        for column in self.columns(true) {
            match column.required {
                true => required.push(row(column.to, &column)),
                false if column.name == "infection" => {
                    if self.identifier.is_empty() {
                        optional.push(row("classification.identifier", &column));
                    }
                    optional.push(row("malware.name", &column));
                }
                false => optional.push(row(column.to, &column)),
            }
        }
        if self.class == "vulnerable-system" {
            optional.push(json!([
                "product.vulnerabilities",
                "tag",
                "extract_cve_from_tag"
            ]));
        }
        json!({
            "constant_fields": constants,
            "feed_name": self.name.replace(' ', "-"),
            "file_name": self.file,
            "optional_fields": optional,
            "required_fields": required,
            "url": format!("https://reports.example/types/{}", self.file),
        })
    }
}

/// The schema of all types as a file, in the JSON shape that Shadowserver publishes.
pub fn schema() -> String {
    let mut types = Map::new();
    types.insert(
        "_meta".to_owned(),
        json!({
            "change_log": ["Written for the Watchfire demo: 18 report types with descriptions of their own."],
            "date_created": "2026-06-01T00:00:00Z",
        }),
    );
    for report in REPORTS {
        types.insert(report.key.to_owned(), report.schema());
    }
    let mut text =
        serde_json::to_string_pretty(&Value::Object(types)).expect("a tree of texts is JSON");
    text.push('\n');
    text
}
