//! What the columns of a synthetic Shadowserver report hold: values for each of the schema's
//! functions, and for each field that has a form of its own.

/// Values of one kind of column.
#[derive(Clone, Copy)]
pub struct Values {
    /// The kind, to meet each only once.
    pub name: &'static str,
    /// Plainly good ones.
    pub good: &'static [&'static str],
    /// Odd ones, and ones that the function turns into nothing; both sides have an event.
    pub mild: &'static [&'static str],
    /// Ones for which IntelMQ loses the whole row.
    pub lost: &'static [&'static str],
}

const TEXTS: &[&str] = &[
    "plain text",
    "with \"quotes\", and commas",
    "中文 ü",
    "1",
    "00",
];

/// The values of a column with this function and target.
pub fn values(column: &str, function: Option<&str>, target: Option<&str>) -> Values {
    let of = |name, good, mild, lost| Values {
        name,
        good,
        mild,
        lost,
    };
    match (function, target) {
        (Some("add_UTC_to_timestamp"), _) => of(
            "time",
            &["2025-01-06 08:00:00"],
            &[],
            &["yesterday", "2025-13-06 08:00:00"],
        ),
        (Some("convert_int"), Some("source.port" | "destination.port")) => {
            of("port", &["8080", "0", "65535"], &[""], &["http", "80.5"])
        }
        (Some("convert_int"), _) => of(
            "int",
            &["17", "0", "-3", "4294967296"],
            &["", "007", "+5"],
            &["many", "1.5"],
        ),
        (Some("invalidate_zero"), Some("source.asn" | "destination.asn")) => of(
            "asn",
            &["64500", "4200000000"],
            &["", "0"],
            &["AS64500", "none"],
        ),
        (Some("invalidate_zero"), _) => {
            of("zero", &["517311", "9"], &["", "0", "00"], &["none", "0.0"])
        }
        (Some("convert_float"), _) => of(
            "float",
            &["74.00", "2", "-20.407", "0"],
            &["", "1e3", ".5"],
            &["far", "1,5"],
        ),
        (Some("convert_bool"), _) => of(
            "bool",
            &[
                "Y", "N", "true", "False", "1", "0", "enabled", "DISABLED", "yes", "no",
            ],
            &["", "maybe", "t", "f"],
            &[],
        ),
        (Some("validate_ip"), Some("source.ip")) if column == "ip" => of(
            "ip",
            &[
                "192.0.2.1",
                "198.51.100.77",
                "2001:db8::1",
                "2001:DB8:0:0:0:0:0:2",
            ],
            &[],
            &[],
        ),
        (Some("validate_ip"), _) => of(
            "other ip",
            &["192.0.2.7", "2001:db8::7"],
            &[
                "",
                "0.0.0.0",
                "192.0.2.0/24",
                "192.0.2.300",
                "www.example",
                "192.0.2.1.2",
            ],
            &[],
        ),
        (Some("validate_network"), _) => of(
            "network",
            &["192.0.2.0/24", "2001:db8::/32"],
            &["", "192.0.2.1", "192.0.2.0/33", "net"],
            &[],
        ),
        (Some("validate_fqdn"), _) => of(
            "fqdn",
            &[
                "www.example.com",
                "WWW.Example.NET",
                "xn--fiqs8s.example.com",
            ],
            &["", "192.0.2.1", "a b.example.com", "-"],
            &[],
        ),
        (Some("convert_date"), _) => of(
            "date",
            &[
                "2025-01-06 07:00:00",
                "Thu, 19 Apr 2018 00:02:28 GMT",
                "2021-03-27T00:00:00.521730Z",
                "2025-01-06T07:00:00+08:00",
            ],
            &["", "2025-01-06"],
            &["soon"],
        ),
        (Some("convert_date_utc"), _) => of(
            "date utc",
            &["2025-01-06 07:00:00", "2025-01-06T07:00:01"],
            &[],
            &["soon"],
        ),
        (Some("extract_cve_from_tag"), _) => of(
            "tag",
            &[
                "cve-2024-0001",
                "ssl;cve-2023-1234;http",
                "cve-2024-2222;cve-2021-44228",
            ],
            &[
                "",
                "ssl;http",
                "CVE-2024-0001",
                "vulnerable-cve-2019-0001",
                "cve-19",
                "cve-2024-0001;cve-2024-0001",
            ],
            &[],
        ),
        (Some("convert_http_host_and_url"), _) => of(
            "url",
            &["/index.html", "GET /a?b=c HTTP/1.1", "/"],
            &["", "http://www.example.com/a", "index.php"],
            &[],
        ),
        (Some("category_or_detail"), _) => {
            of("category", &["phishing page"], &["", "malware"], &[])
        }
        (Some("force_base64"), _) => of(
            "base64",
            &["R0VUIC8gSFRUUC8xLjE=", "GET / HTTP/1.1"],
            &["", "abc"],
            &["中文"],
        ),
        (Some("scan_exchange_taxonomy" | "scan_exchange_type" | "scan_exchange_identifier"), _) => {
            of(
                "exchange",
                &["exchange;webshell", "exchange;cve-2021-26855", "exchange"],
                &["", "webshell-2", "exchange,webshell"],
                &[],
            )
        }
        (_, Some("malware.hash.md5")) => of(
            "md5",
            &[
                "d41d8cd98f00b204e9800998ecf8427e",
                "D41D8CD98F00B204E9800998ECF8427E",
            ],
            &["", "0", "abc"],
            &[],
        ),
        (_, Some("malware.hash.sha1")) => of(
            "sha1",
            &["da39a3ee5e6b4b0d3255bfef95601890afd80709"],
            &["", "unknown", "abc"],
            &[],
        ),
        (_, Some("malware.hash.sha256")) => of(
            "sha256",
            &["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
            &["", "unknown", "abc"],
            &[],
        ),
        (_, Some("source.geolocation.cc" | "destination.geolocation.cc")) => {
            of("cc", &["CN", "de", "AA"], &["", "CHN", "-"], &[])
        }
        (_, Some("source.reverse_dns" | "destination.reverse_dns")) => of(
            "reverse",
            &[
                "host-1.example.com",
                "HOST.Example.NET",
                "host.example.org.",
            ],
            &["", "-", "192.0.2.1", "bad name", "localhost"],
            &[],
        ),
        (_, Some("protocol.transport")) => {
            of("transport", &["tcp", "udp", "TCP"], &["", "icmp"], &[])
        }
        (_, Some("protocol.application")) => {
            of("application", &["http", "https"], &["", "0", "HTTP"], &[])
        }
        (_, Some("severity")) => of(
            "severity",
            &["high", "critical", "low", "medium", "info"],
            &["", "0", "unknown", "HIGH", "dire"],
            &[],
        ),
        (_, Some("product.vulnerabilities")) => of(
            "cves",
            &["cve-2024-0001", "CVE-2024-0002"],
            &["", "0", "none"],
            &[],
        ),
        (_, Some("malware.name")) => {
            of("malware", &["mirai", "Mirai.B"], &["", "0", "unknown"], &[])
        }
        (Some("validate_to_none"), _) => of(
            "none",
            TEXTS,
            &["", "0", "unknown", "Unknown", "-", "N/A", "0.0", " padded "],
            &[],
        ),
        _ => of(
            "text",
            TEXTS,
            &["", "0", "unknown", "-", "N/A", " padded "],
            &[],
        ),
    }
}
