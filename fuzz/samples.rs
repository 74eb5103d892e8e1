//! A good report of any length in each format, with the entry of a feed that has it: what fuzzing and
//! the mutation tests start from, and what the readers' speed is measured with. Names and addresses
//! are reserved ones (RFC 2606, RFC 5737, RFC 3849).
#![allow(dead_code)]

use serde_json::{Value, json};

/// One format's sample.
pub struct Sample {
    /// Name of the format.
    pub format: &'static str,
    /// Members of the feed's entry besides those that every feed has.
    pub entry: fn() -> Value,
    /// Name of the file: some formats look at it.
    pub file: &'static str,
    /// Text before the rows, between them and after them.
    pub frame: [&'static str; 3],
    /// The row of a number.
    pub row: fn(u32) -> String,
    /// Records that a row gives.
    pub records: u32,
}

impl Sample {
    /// A report of this many rows.
    pub fn text(&self, rows: u32) -> Vec<u8> {
        let [head, between, tail] = self.frame;
        let mut text = head.as_bytes().to_vec();
        for n in 0..rows {
            if n > 0 {
                text.extend_from_slice(between.as_bytes());
            }
            text.extend_from_slice((self.row)(n).as_bytes());
        }
        text.extend_from_slice(tail.as_bytes());
        text
    }
}

fn none() -> Value {
    json!({})
}

fn phishing() -> Value {
    json!({ "classification": "phishing" })
}

fn c2() -> Value {
    json!({ "classification": "c2-server" })
}

fn mapped() -> Value {
    json!({
        "classification": "phishing",
        "columns": {
            "seen": "observed_at", "url": "source_url", "ip": "source_ip", "port": "source_port",
            "note": "extra.",
        },
    })
}

/// A time in the week of 2023-01-09, as `date` and `clock`.
fn time(n: u32) -> (String, String) {
    let date = format!("2023-01-{:02}", 9 + n % 7);
    (
        date,
        format!("{:02}:{:02}:{:02}", n / 3600 % 24, n / 60 % 60, n % 60),
    )
}

fn v4(n: u32) -> String {
    format!("198.51.{}.{}", n / 256 % 256, n % 256)
}

fn hash(n: u32) -> String {
    format!(
        "{:032x}",
        u128::from(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834)
    )
}

const SHADOWSERVER: &str = "\"timestamp\",\"severity\",\"ip\",\"protocol\",\"port\",\"hostname\",\"tag\",\"asn\",\"geo\",\
    \"region\",\"city\",\"naics\",\"sector\"\n";

/// A schema of our own making with one report type.
pub const SCHEMA: &str = r#"{"_meta": {"date_created": "2025-01-01T00:00:00Z", "change_log": []},
"scan_knock": {"feed_name": "Open-Knock", "file_name": "scan_knock",
 "constant_fields": {"classification.identifier": "open-knock", "classification.type": "vulnerable-system"},
 "required_fields": [["time.source", "timestamp", "add_UTC_to_timestamp"], ["source.ip", "ip", "validate_ip"],
  ["source.port", "port", "convert_int"]],
 "optional_fields": [["severity", "severity", "validate_to_none"], ["protocol.transport", "protocol"],
  ["source.reverse_dns", "hostname"], ["product.vulnerabilities", "tag", "extract_cve_from_tag"],
  ["extra.", "tag", "validate_to_none"], ["source.asn", "asn", "invalidate_zero"], ["source.geolocation.cc", "geo"],
  ["source.geolocation.region", "region"], ["source.geolocation.city", "city"],
  ["extra.source.naics", "naics", "invalidate_zero"], ["extra.source.sector", "sector", "validate_to_none"]]}}"#;

/// One a format, in the order of the table of formats.
pub const SAMPLES: &[Sample] = &[
    Sample {
        format: "bambenek",
        entry: c2,
        file: "report.txt",
        frame: ["## head\n", "", ""],
        row: |n| {
            let (date, clock) = time(n);
            format!(
                "c{n}.example.com,Domain used by one/two/Three,{date} {},https://example.com/three.txt\n",
                &clock[..5]
            )
        },
        records: 1,
    },
    Sample {
        format: "cnvd",
        entry: none,
        file: "1246.xml",
        frame: [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<vulnerabilitys>",
            "",
            "</vulnerabilitys>\n",
        ],
        row: |n| {
            format!(
                "<vulnerability><number>CNVD-2023-{n:05}</number><cves><cve><cveNumber>CVE-2022-{n:05}</cveNumber></cve></cves>\
                 <title>示例漏洞 {n}</title><serverity>高</serverity><products><product>Example Server 1.0</product></products>\
                 <isEvent>通用软硬件漏洞</isEvent><submitTime>2022-12-30</submitTime><openTime>{}</openTime>\
                 <referenceLink>https://advisory.example/{n}</referenceLink><formalWay>补丁：https://patch.example</formalWay>\
                 <description>One.&amp;Two.</description></vulnerability>\n",
                time(n).0
            )
        },
        records: 1,
    },
    Sample {
        format: "csaf",
        entry: none,
        file: "advisory.json",
        frame: [
            r#"{"document": {"category": "csaf_security_advisory", "csaf_version": "2.0", "title": "Holes", "publisher": {"category": "vendor", "name": "Example", "namespace": "https://example.com"}, "tracking": {"id": "EX-1", "status": "final", "version": "1", "initial_release_date": "2023-01-09T00:00:00Z", "current_release_date": "2023-01-09T00:00:00Z"}}, "vulnerabilities": ["#,
            ",\n",
            "]}",
        ],
        row: |n| {
            format!(
                r#"{{"cve": "CVE-2023-{n:05}", "title": "Hole {n}", "cwe": {{"id": "CWE-20", "name": "Input"}}, "scores": [{{"products": ["P"], "cvss_v3": {{"version": "3.1", "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "baseScore": 9.8, "baseSeverity": "CRITICAL"}}}}]}}"#
            )
        },
        records: 1,
    },
    Sample {
        format: "csv",
        entry: mapped,
        file: "report.csv",
        frame: ["seen,url,ip,port,note\n", "", ""],
        row: |n| {
            let (date, clock) = time(n);
            format!(
                "{date} {clock},http://h{n}.example.com/login/{n},{},443,\"note {n}, quoted\"\n",
                v4(n)
            )
        },
        records: 1,
    },
    Sample {
        format: "ctip",
        entry: || json!({ "classification": "infected-system" }),
        file: "report.json",
        frame: ["", "", ""],
        row: |n| {
            format!(
                "{{\"DateTimeReceivedUtc\":{},\"ThreatCode\":\"B00-X\",\"ThreatConfidence\":\"Low\",\"TLP\":\"Amber\",\
                 \"SourceIp\":\"{}\",\"SourcePort\":1025,\"DestinationIp\":\"203.0.113.9\",\"SourceIpInfo\":{{\"SourceIpAsnNumber\":\"64496\"}},\
                 \"Payload\":\"eyJkb21haW4iOiJzaW5rLmV4YW1wbGUuY29tIiwidHlwZSI6Ikh0dHAiLCJzZXJ2ZXJQb3J0Ijo4MH0=\"}}\n",
                133_177_248_000_000_000_u64 + u64::from(n),
                v4(n)
            )
        },
        records: 1,
    },
    Sample {
        format: "cve",
        entry: none,
        file: "records.jsonl",
        frame: ["", "", ""],
        row: |n| {
            format!(
                "{{\"dataType\": \"CVE_RECORD\", \"dataVersion\": \"5.1\", \"cveMetadata\": {{\"cveId\": \"CVE-2023-{n:05}\", \"state\": \"PUBLISHED\", \"datePublished\": \"2023-01-09T01:02:03.004Z\"}}, \"containers\": {{\"cna\": {{\"title\": \"Hole {n}\", \"affected\": [{{\"vendor\": \"Example\", \"product\": \"Server\"}}], \"descriptions\": [{{\"lang\": \"en\", \"value\": \"A hole.\"}}], \"metrics\": [{{\"cvssV3_1\": {{\"version\": \"3.1\", \"baseScore\": 9.8, \"baseSeverity\": \"CRITICAL\", \"vectorString\": \"CVSS:3.1/AV:N\"}}}}], \"references\": [{{\"url\": \"https://ref.example/{n}\"}}]}}}}}}\n"
            )
        },
        records: 1,
    },
    Sample {
        format: "cymru-cap",
        entry: none,
        file: "report.txt",
        frame: [
            "# category|address|asn|timestamp|information|name\n",
            "",
            "",
        ],
        row: |n| {
            let (date, clock) = time(n);
            format!(
                "bot|{}|64496|{date} {clock}|family: Example;dest_addr: 203.0.113.1; dest_port: 80;protocol: 6;|Example Net, ZZ\n",
                v4(n)
            )
        },
        records: 1,
    },
    Sample {
        format: "epss",
        entry: none,
        file: "epss.csv",
        frame: [
            "#model_version:v2023.03.01,score_date:2023-03-07T00:00:00+0000\ncve,epss,percentile\n",
            "",
            "",
        ],
        row: |n| {
            format!(
                "CVE-2023-{n:05},0.{:05},0.{:05}\n",
                n % 100_000,
                n * 7 % 100_000
            )
        },
        records: 1,
    },
    Sample {
        format: "hibp",
        entry: none,
        file: "callback.json",
        frame: [
            "{\"Breach\": {\"Name\": \"Example\", \"AddedDate\": \"2023-01-09T00:00Z\"}, \"Domain\": \"example.com\", \"DomainEmails\": [",
            ",\n",
            "]}",
        ],
        row: |n| format!("\"user{n}@example.com\""),
        records: 1,
    },
    Sample {
        format: "intelmq",
        entry: none,
        file: "events.jsonl",
        frame: ["", "", ""],
        row: |n| {
            let (date, clock) = time(n);
            format!(
                "{{\"__type\": \"Event\", \"classification.type\": \"c2-server\", \"time.source\": \"{date}T{clock}+00:00\", \
                 \"source.ip\": \"192.0.2.{}\", \"source.port\": {}, \"extra.note\": \"n{n}\"}}\n",
                n % 250,
                n % 65_536
            )
        },
        records: 1,
    },
    Sample {
        format: "iodef",
        entry: none,
        file: "report.xml",
        frame: [
            "<IODEF-Document version=\"1.00\" lang=\"en\" xmlns=\"urn:ietf:params:xml:ns:iodef-1.0\"><Incident purpose=\"reporting\"><IncidentID name=\"csirt.example.com\">1</IncidentID><StartTime>2023-01-09T00:00:00Z</StartTime><ReportTime>2023-01-09T05:54:02Z</ReportTime><Assessment><Impact type=\"recon\"/></Assessment><Contact role=\"creator\" type=\"organization\"><ContactName>Example CSIRT</ContactName></Contact><EventData>",
            "\n",
            "</EventData></Incident></IODEF-Document>",
        ],
        row: |n| {
            format!(
                "<Flow><System category=\"source\"><Node><Address category=\"ipv4-addr\">{}</Address></Node><Service ip_protocol=\"6\"><Port>{}</Port></Service></System></Flow>",
                v4(n),
                1024 + n % 60_000
            )
        },
        records: 1,
    },
    Sample {
        format: "jpcert",
        entry: none,
        file: "202301.csv",
        frame: ["date,URL,description\n", "", ""],
        row: |n| {
            let (date, clock) = time(n);
            format!(
                "{} {clock},https://p{n}.example.com/login,Example Bank\n",
                date.replace('-', "/")
            )
        },
        records: 1,
    },
    Sample {
        format: "json",
        entry: mapped,
        file: "report.jsonl",
        frame: ["", "", ""],
        row: |n| {
            let (date, clock) = time(n);
            format!(
                "{{\"seen\":\"{date}T{clock}Z\",\"url\":\"http://h{n}.example.com/login/{n}\",\"ip\":\"{}\",\"port\":443,\"note\":\"n \\u00e9 {n}\"}}\n",
                v4(n)
            )
        },
        records: 1,
    },
    Sample {
        format: "kev",
        entry: none,
        file: "kev.json",
        frame: [
            "{\"title\": \"A catalogue\", \"catalogVersion\": \"2023.01.10\", \"vulnerabilities\": [",
            ",\n",
            "]}",
        ],
        row: |n| {
            format!(
                r#"{{"cveID": "CVE-2022-{n:05}", "vendorProject": "Example", "product": "Server", "vulnerabilityName": "Hole {n}", "dateAdded": "2023-01-10", "shortDescription": "A \"hole\"", "requiredAction": "Patch", "dueDate": "2023-01-31", "knownRansomwareCampaignUse": "Known", "notes": "", "cwes": ["CWE-59"]}}"#
            )
        },
        records: 1,
    },
    Sample {
        format: "list",
        entry: || json!({ "classification": "c2-server", "options": { "kind": "ip" } }),
        file: "list.txt",
        frame: ["# a list\n", "", ""],
        row: |n| format!("{}\n", v4(n)),
        records: 1,
    },
    Sample {
        format: "maltrail",
        entry: none,
        file: "trails/examplebot.txt",
        frame: [
            "# Copyright (c) somebody\n\n# Aliases: OneBot, TwoBot\n\n# Reference: https://ref.example/1\n\n",
            "",
            "",
        ],
        row: |n| format!("a{n}.example.com\n"),
        records: 1,
    },
    Sample {
        format: "misp",
        entry: none,
        file: "event.json",
        frame: [
            "{\"Event\": {\"uuid\": \"00000000-0000-4000-8000-000000000003\", \"date\": \"2023-01-09\", \"info\": \"An event\", \"Tag\": [{\"name\": \"tlp:green\"}], \"Attribute\": [",
            ",\n",
            "]}}",
        ],
        row: |n| {
            format!(
                r#"{{"uuid": "00000000-0000-4000-8000-{n:012x}", "type": "url", "category": "Network activity", "to_ids": true, "value": "http://h{n}.example.com/a", "timestamp": "1673251200", "comment": "seen twice", "Tag": [{{"name": "rsit:fraud=\"phishing\""}}]}}"#
            )
        },
        records: 1,
    },
    Sample {
        format: "notes",
        entry: none,
        file: "09.01.2023.txt",
        frame: ["Notes of the day\n\n", "", ""],
        row: |n| {
            format!(
                "seen hxxp://a{n}[.]example[.]com/gate.php and {}:443, md5 {}\n",
                v4(n).replace('.', "[.]"),
                hash(n)
            )
        },
        records: 3,
    },
    Sample {
        format: "nvd",
        entry: none,
        file: "nvd.json",
        frame: [
            "{\"resultsPerPage\": 2000, \"totalResults\": 2000, \"format\": \"NVD_CVE\", \"version\": \"2.0\", \"vulnerabilities\": [",
            ",\n",
            "]}",
        ],
        row: |n| {
            format!(
                r#"{{"cve": {{"id": "CVE-2023-{n:05}", "sourceIdentifier": "cve@example.org", "published": "2023-01-09T05:15:11.730", "lastModified": "2023-01-10T00:00:00.000", "vulnStatus": "Analyzed", "descriptions": [{{"lang": "en", "value": "A hole."}}], "metrics": {{"cvssMetricV31": [{{"type": "Primary", "cvssData": {{"version": "3.1", "baseScore": 7.5, "baseSeverity": "HIGH", "vectorString": "CVSS:3.1/AV:N"}}}}]}}, "references": [{{"url": "https://ref.example/{n}"}}]}}}}"#
            )
        },
        records: 1,
    },
    Sample {
        format: "otx",
        entry: || json!({ "classification": "blocklist" }),
        file: "pulses.json",
        frame: [
            "[{\"name\": \"P\", \"author_name\": \"A\", \"tags\": [\"x y\"], \"created\": \"2023-01-09T08:00:00.5\", \"TLP\": \"green\", \"indicators\": [",
            ",\n",
            "]}]",
        ],
        row: |n| {
            format!(
                "{{\"type\": \"domain\", \"indicator\": \"c{n}.example.com\", \"created\": \"2023-01-09T08:00:01\"}}"
            )
        },
        records: 1,
    },
    Sample {
        format: "ponmocup",
        entry: || json!({ "options": { "dated_by": "last updated:" } }),
        file: "report.txt",
        frame: ["# last updated: Mon Jan  9 00:47:49 PST 2023\n", "", ""],
        row: |n| format!("/ r{n}.example.com http://r{n}.example.com/x site{n}.example.net\n"),
        records: 2,
    },
    Sample {
        format: "shadowserver",
        entry: none,
        file: "2023-01-09-scan_knock-example.csv",
        frame: [SHADOWSERVER, "", ""],
        row: |n| {
            let (date, clock) = time(n);
            format!(
                "\"{date} {clock}\",\"high\",\"{}\",\"tcp\",{},\"h{n}.example.com\",\"knock;cve-2024-0001\",64500,\"CN\",\"Region\",\"City\",517311,\"Communications\"\n",
                v4(n),
                1024 + n % 60_000
            )
        },
        records: 1,
    },
    Sample {
        format: "spamhaus-cert",
        entry: none,
        file: "report.txt",
        frame: ["; ip, asn, ...\n", "", ""],
        row: |n| {
            format!(
                "{},AS64496,ZZ,{},sshauth,,203.0.113.1,22,,tcp\n",
                v4(n),
                1_673_251_200 + n % 600_000
            )
        },
        records: 1,
    },
    Sample {
        format: "stalkerware",
        entry: none,
        file: "ioc.yaml",
        frame: ["---\n", "", ""],
        row: |n| {
            format!(
                "- name: Spy{n}\n  type: stalkerware\n  packages:\n  - com.example.spy{n}\n  websites:\n  - www{n}.spy.example\n"
            )
        },
        records: 2,
    },
    Sample {
        format: "stix",
        entry: none,
        file: "bundle.json",
        frame: [
            "{\"type\": \"bundle\", \"id\": \"bundle--00000000-0000-4000-8000-000000000000\", \"objects\": [",
            ",\n",
            "]}",
        ],
        row: |n| {
            format!(
                r#"{{"type": "indicator", "spec_version": "2.1", "id": "indicator--{n}", "created": "2023-01-09T00:00:00.000Z", "name": "A page", "pattern": "[url:value = 'http://a{n}.example.com/x']", "pattern_type": "stix", "valid_from": "2023-01-08T00:00:00Z", "labels": ["phishing"], "confidence": 80}}"#
            )
        },
        records: 1,
    },
    Sample {
        format: "tweetfeed",
        entry: none,
        file: "20230109.csv",
        frame: ["", "", ""],
        row: |n| {
            let (date, clock) = time(n);
            format!(
                "{date} {clock},alice,url,http://login{n}.example.com/x,#phishing #Scam,https://social.example/{n}\n"
            )
        },
        records: 1,
    },
    Sample {
        format: "xarf",
        entry: none,
        file: "reports.json",
        frame: ["[", ",\n", "]"],
        row: |n| {
            let (date, clock) = time(n);
            format!(
                r#"{{"xarf_version": "4.2.0", "report_id": "{n}", "timestamp": "{date}T{clock}Z", "reporter": {{"org": "Example"}}, "sender": {{"org": "Example"}}, "source_identifier": "{}", "source_port": 80, "category": "content", "type": "phishing", "url": "http://login{n}.example.com/a", "evidence": [{{"payload": "AA=="}}]}}"#,
                v4(n)
            )
        },
        records: 1,
    },
];
