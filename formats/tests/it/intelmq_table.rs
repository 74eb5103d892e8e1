//! The recordings of IntelMQ's parser tests: the entry that reads each, with the deliberate
//! differences, or why we do not claim it.

use serde_json::{Value, json};

/// What we say of a recording.
pub enum Claim {
    /// This entry gives the same facts.
    Read {
        entry: Value,
        /// IntelMQ's key, ours (`""`: not kept; `~`: equal to the second), and why; an empty key of
        /// IntelMQ's is a fact that only we give.
        differ: &'static [(&'static str, &'static str, &'static str)],
    },
    /// No entry does, for this reason.
    #[expect(
        dead_code,
        reason = "the reason is for the reader; docs/formats.md repeats it"
    )]
    Refused(&'static str),
}

/// In place of IntelMQ's key: so many of its events are rejects of ours.
pub const REFUSED: &str = "(refused)";

const BRAND: (&str, &str, &str) = (
    "extra.brand",
    "event_description.target",
    "the brand is the target",
);
const LATITUDE: (&str, &str, &str) = (
    "source.geolocation.latitude",
    "extra.latitude",
    "no field: places are looked up",
);
const LONGITUDE: (&str, &str, &str) = (
    "source.geolocation.longitude",
    "extra.longitude",
    "no field: places are looked up",
);

fn entry(entry: Value) -> Claim {
    Claim::Read { entry, differ: &[] }
}

fn differing(entry: Value, differ: &'static [(&str, &str, &str)]) -> Claim {
    Claim::Read { entry, differ }
}

fn tabs() -> Value {
    json!({
        "format": "csv", "classification": "malware-distribution",
        "options": {"delimiter": "tab", "header": "no", "unmapped": "drop"},
        "columns": {"1": "observed_at", "3": "description", "6": "source_url", "7": "source_ip", "8": "source_host"},
    })
}

fn translated() -> Value {
    let mut entry = tabs();
    entry["columns"]["2"] = json!("class_type");
    entry["values"] = json!({"2": {"Testing": {"class_type": "malware-distribution"}}});
    entry
}

fn simple(options: Value) -> Value {
    json!({
        "format": "csv", "classification": "blocklist", "options": options,
        "columns": {"source_ip": "source_ip", "source_url": "source_url"},
    })
}

fn infected(columns: Value, options: Value) -> Value {
    json!({"format": "csv", "classification": "infected-system", "columns": columns, "options": options})
}

fn three(optional: &str) -> Value {
    json!({
        "format": "csv", "classification": "malware-distribution",
        "columns": {"1": "observed_at", "2": "source_ip", "3": "source_host"},
        "options": {"header": "no", "time_format": "%d/%b/%Y:%H:%M:%S %z", "optional": optional},
    })
}

fn ipset(filter: &str, text: &str) -> Value {
    json!({
        "format": "csv", "classification": "blocklist", "columns": {"4": "source_ip"},
        "options": {"header": "no", "delimiter": " ", "unmapped": "drop", filter: text},
    })
}

fn zoneh() -> Claim {
    differing(
        json!({
            "format": "csv", "classification": "unauthorised-information-modification",
            "identifier": "compromised-website", "set": {"description": "defacement"},
            "options": {"unmapped": "drop"},
            "columns": {
                "add_date": "observed_at", "accept_date": "extra.accepted_date", "attacker": "extra.actor",
                "domain": "source_url", "ip_address": "source_ip", "system": "extra.os.name",
                "web_server": "extra.http_target", "hackmode": "extra.compromise_method",
                "defacement_id": "extra.zoneh_report_id", "country_code": "source_country",
            },
        }),
        &[],
    )
}

fn bogons() -> Value {
    json!({
        "format": "list", "classification": "blocklist",
        "options": {"kind": "cidr", "dated_by": "last updated"},
    })
}

fn shadowserver() -> Claim {
    differing(
        json!({"format": "shadowserver"}),
        &[
            (
                "classification.identifier",
                "",
                "named after the type in IntelMQ's test schema",
            ),
            (
                "",
                "classification.identifier",
                "named after the published type",
            ),
            (
                "extra.smb_implant",
                "",
                "a truth value in IntelMQ's test schema, text in the published one",
            ),
        ],
    )
}

fn flat(keys: &[&str]) -> Value {
    let columns: serde_json::Map<String, Value> = keys
        .iter()
        .map(|key| {
            let target = key
                .strip_prefix("extra.")
                .map_or((*key).to_owned(), |name| format!("extra.{name}"));
            (key.replace('.', "\\."), json!(target))
        })
        .collect();
    json!({"format": "json", "classification": "undetermined", "columns": columns})
}

/// Every recording, by parser and case.
pub fn claims() -> Vec<(&'static str, Claim)> {
    vec![
        (
            "abusech/test_parser_feodotracker_test_event.1",
            entry(json!({
                "format": "json", "classification": "c2-server", "columns": {
                    "ip_address": "source_ip", "port": "source_port", "status": "status",
                    "hostname": "source_reverse_dns", "as_number": "source_asn", "as_name": "source_as_name",
                    "country": "source_country", "first_seen": "observed_at",
                    "last_online": "observed_at, extra.last_online", "malware": "malware_name",
                },
            })),
        ),
        (
            "alienvault/test_parser_test_event.1",
            differing(
                json!({
                    "format": "csv",
                    "options": {"header": "no", "delimiter": "#", "comment": "", "unmapped": "drop", "split": "4", "split_at": ";"},
                    "columns": {
                        "1": "source_ip", "4": "class_identifier", "5": "source_country", "6": "source_city",
                        "7": "{extra.latitude},{extra.longitude}",
                    },
                    "values": {"4": {
                        "C&C": {"class_type": "c2-server"}, "Malicious Host": {"class_type": "infected-system"},
                        "Scanning Host": {"class_type": "scanner"}, "Spamming": {"class_type": "spam"},
                        "Malware Domain": {"class_type": "malware-distribution"}, "Malware IP": {"class_type": "malware-distribution"},
                        "Malware distribution": {"class_type": "malware-distribution"}, "APT": {"class_type": "c2-server"},
                    }},
                }),
                &[LATITUDE, LONGITUDE],
            ),
        ),
        (
            "alienvault/test_parser_otx_test_event.1",
            differing(
                json!({"format": "otx", "classification": "blocklist"}),
                &[
                    (
                        "time.source",
                        "",
                        "IntelMQ cuts four characters off, be they a fraction or the minute",
                    ),
                    (
                        "extra.cve",
                        "product.vulnerabilities",
                        "a CVE id has a field",
                    ),
                    (
                        REFUSED,
                        "1",
                        "a path without a host names nothing that can be acted on",
                    ),
                    (
                        "extra.time_updated",
                        "",
                        "IntelMQ cuts the fraction; ours is extra.modified as written",
                    ),
                ],
            ),
        ),
        (
            "bambenek/test_parser_test_dga.1",
            entry(json!({"format": "bambenek", "classification": "dga-domain"})),
        ),
        (
            "bambenek/test_parser_test_domain.1",
            entry(
                json!({"format": "bambenek", "classification": "c2-server", "set": {"status": "online"}}),
            ),
        ),
        (
            "bambenek/test_parser_test_ip.1",
            entry(
                json!({"format": "bambenek", "classification": "c2-server", "set": {"status": "online"}}),
            ),
        ),
        (
            "cleanmx/test_parser_test_phishing.1",
            Claim::Refused(CLEANMX),
        ),
        (
            "cleanmx/test_parser_test_viruses.1",
            Claim::Refused(CLEANMX),
        ),
        ("cymru/test_cap_program_test_events.1", cap()),
        ("cymru/test_cap_program_new_test_events.1", cap()),
        ("cymru/test_full_bogons_test_ipv4_events.1", entry(bogons())),
        ("cymru/test_full_bogons_test_ipv6_events.1", entry(bogons())),
        (
            "dshield/test_parser_asn_test_event.1",
            entry(json!({
                "format": "csv", "classification": "brute-force", "set": {"source_asn": "1"},
                "options": {"header": "no", "delimiter": "tab", "rows_with": "\t", "padded_ip": "yes", "unmapped": "drop"},
                "columns": {"1": "source_ip", "2": "extra.reports", "3": "extra.targets", "5": "extra.last_seen", "6": "observed_at"},
            })),
        ),
        (
            "dshield/test_parser_block_test_event.1",
            entry(json!({
                "format": "csv", "classification": "blocklist",
                "options": {"delimiter": "tab", "dated_by": "updated:", "unmapped": "drop"},
                "columns": {
                    "{Start}/{Netblock}": "source_network", "Attacks": "extra.attacks", "Name": "extra.network_name",
                    "Country": "source_country", "email": "source_abuse_contact",
                },
            })),
        ),
        (
            "dyn/test_parser_test_event.1",
            entry(json!({"format": "ponmocup", "options": {"dated_by": "last updated:"}})),
        ),
        (
            "generic/test_filter_blacklist_test_event.1",
            entry(ipset("rows_without", "127.0.0.1")),
        ),
        (
            "generic/test_filter_whitelist_test_event.1",
            entry(ipset("rows_with", "ipset add ")),
        ),
        (
            "generic/test_parser_csv_test_compose_fields.1",
            entry(json!({
                "format": "csv", "classification": "malware-distribution", "options": {"header": "no"},
                "columns": {"1": "source_host", "2": "source_url_path", "http://{1}{2}": "source_url"},
            })),
        ),
        ("generic/test_parser_csv_test_event.1", entry(tabs())),
        ("generic/test_parser_csv_test_strcol.1", entry(tabs())),
        (
            "generic/test_parser_csv_test_time_format_empty_string.1",
            entry(tabs()),
        ),
        ("generic/test_parser_csv2_test_event.1", entry(translated())),
        (
            "generic/test_parser_csv2_test_type_translation_dict.1",
            entry(translated()),
        ),
        (
            "generic/test_parser_csv4_test_event.1",
            entry(infected(
                json!({"source_ip": "source_ip", "source_url": "source_url", "source_port": "source_port", "timestamp": "observed_at"}),
                json!({}),
            )),
        ),
        (
            "generic/test_parser_csv_data_type_test_bot_handles_mixed_line_endings.1",
            entry(tagged()),
        ),
        (
            "generic/test_parser_csv_data_type_test_bot_preserves_line_ending_n.1",
            entry(tagged()),
        ),
        (
            "generic/test_parser_csv_data_type_test_bot_preserves_line_ending_rn.1",
            entry(tagged()),
        ),
        (
            "generic/test_parser_csv_data_type_test_event.1",
            entry(tagged()),
        ),
        (
            "generic/test_parser_csv_extra_regex_test_event.1",
            differing(
                infected(
                    json!({
                        "SourceIp": "source_ip", "FileTimeUtc": "observed_at", "Feed-Source": "extra.source", "Botnet": "malware_name",
                        "SourcePort": "source_port", "SourceIpAsnNr": "source_asn", "SourceIpCity": "source_city",
                        "SourceIpCountryCode": "source_country", "SourceIpLatitude": "extra.latitude",
                        "SourceIpLongitude": "extra.longitude", "SourceIpMetroCode": "extra.source.metro_code",
                        "SourceIpPostalCode": "extra.source.postal_code", "SourceIpRegion": "source_region",
                        "TargetIp": "destination_ip", "TargetPort": "destination_port", "HttpRequest": "extra.http_request",
                        "HttpReferrer": "extra.http_referer", "HttpUserAgent": "extra.http_user_agent",
                        "HttpMethod": "extra.http_method", "HttpVersion": "extra.http_version", "HttpHost": "extra.http_host",
                    }),
                    json!({"short_rows": "accept"}),
                ),
                &[LATITUDE, LONGITUDE],
            ),
        ),
        (
            "generic/test_parser_csv_invalid_values_test_error_ignore.1",
            entry(three("3")),
        ),
        (
            "generic/test_parser_csv_invalid_values_test_invalid_value.1",
            entry(three("")),
        ),
        (
            "generic/test_parser_csv_skip_header_test_skip_header_2.1",
            entry(simple(json!({"skip_lines": "1"}))),
        ),
        (
            "generic/test_parser_csv_skip_header_test_skip_header_false.1",
            entry(json!({
                "format": "csv", "classification": "blocklist", "options": {"header": "no"},
                "columns": {"1": "source_ip", "2": "source_url"},
            })),
        ),
        (
            "generic/test_parser_csv_skip_header_test_skip_header_true.1",
            entry(simple(json!({}))),
        ),
        (
            "generic/test_parser_multivalue_cols_test_event.1",
            entry(infected(
                json!({"source_ip": "observable", "source_url": "source_url"}),
                json!({}),
            )),
        ),
        (
            "hibp/test_parser_callback_test_breach.1",
            entry(json!({"format": "hibp"})),
        ),
        (
            "hibp/test_parser_callback_test_paste.1",
            entry(json!({"format": "hibp"})),
        ),
        (
            "hibp/test_parser_callback_test_real_breach.1",
            entry(json!({"format": "hibp"})),
        ),
        (
            "json/test_parser_test_default_event.1",
            entry(flat(&["source.ip", "classification.type"])),
        ),
        (
            "json/test_parser_test_multiline_report.1",
            entry(flat(&["source.ip", "classification.type"])),
        ),
        (
            "json/test_parser_test_oneline_report.1",
            Claim::Refused(
                "the event names nothing that can be counted or acted on: a reject with that reason",
            ),
        ),
        (
            "json/test_parser_test_ncscnl.1",
            differing(
                flat(&[
                    "protocol.application",
                    "protocol.transport",
                    "source.asn",
                    "source.fqdn",
                    "source.geolocation.cc",
                    "source.geolocation.city",
                    "source.geolocation.region",
                    "source.ip",
                    "source.network",
                    "source.port",
                    "time.source",
                    "extra.dataset_collections",
                    "extra.dataset_files",
                    "extra.dataset_infected",
                    "extra.dataset_ransom",
                    "extra.dataset_rows",
                    "extra.dataset_size",
                    "extra.os_name",
                    "extra.software",
                    "extra.tag",
                    "extra.version",
                ]),
                &[],
            ),
        ),
        (
            "microsoft/test_parser_bingmurls_test_event.1",
            entry(json!({
                "format": "json", "classification": "blocklist", "columns": {
                    "Attributable": "extra.attributable", "Description": "description", "FirstReportedDateTime": "observed_at",
                    "IndicatorExpirationDateTime": "extra.indicator_expiration_date_time", "IndicatorProvider": "extra.indicator_provider",
                    "IndicatorThreatType": "class_identifier", "IsPartnerShareable": "extra.ispartnershareable",
                    "IsProductLicensed": "extra.isproductlicensed", "NetworkDestinationAsn": "source_asn",
                    "NetworkDestinationIPv4": "source_ip", "NetworkDestinationPort": "source_port", "Tags.0": "source_country",
                    "ThreatDetectionProduct": "extra.threat_detection_product", "TLPLevel": "tlp", "Url": "source_url",
                    "Version": "", "LastReportedDateTime": "",
                },
            })),
        ),
        (
            "microsoft/test_parser_ctip_test_event.1",
            entry(json!({
                "format": "json", "classification": "infected-system", "options": {"optional": "hostname"}, "columns": {
                    "additionalmetadata": "extra.additionalmetadata", "confidence": "feed_accuracy", "description": "description",
                    "externalid": "malware_name", "firstreporteddatetime": "observed_at", "tlplevel": "tlp",
                    "networksourceipv4": "source_ip", "networksourceport": "source_port", "networksourceasn": "source_asn",
                    "networkdestinationipv4": "{destination_ip},{}", "networkdestinationport": "destination_port",
                    "useragent": "extra.user_agent", "hostname": "destination_host", "indicatorthreattype": "",
                    "indicatorexpirationdatetime": "", "version": "",
                },
                "values": {"networkdestinationipv4": {"0.0.0.0": {}}},
            })),
        ),
        ("microsoft/test_parser_ctip_azure_test_event.1", ctip()),
        (
            "microsoft/test_parser_ctip_azure_test_not_overwrite.1",
            ctip(),
        ),
        (
            "misp/test_parser_test_event.1",
            differing(
                json!({"format": "misp", "options": {"attributes": "all"}, "set": {"feed_accuracy": "100"}}),
                &[
                    (
                        "event_description.url",
                        "",
                        "made of the server's address, which the file does not have",
                    ),
                    (
                        "event_description.text",
                        "",
                        "the event's own title, not the attribute's category",
                    ),
                    ("", "severity", "the event's threat level"),
                    ("misp.attribute_uuid", "extra.attribute_uuid", "no field"),
                    ("misp.event_uuid", "extra.event_uuid", "no field"),
                ],
            ),
        ),
        (
            "openphish/test_parser_test_event.1",
            entry(
                json!({"format": "list", "classification": "phishing", "options": {"kind": "url"}}),
            ),
        ),
        (
            "openphish/test_parser_commercial_test_event.1",
            differing(
                json!({
                    "format": "json", "classification": "phishing", "options": {"optional": "host"}, "columns": {
                        "url": "source_url", "ip": "source_ip", "host": "source_host", "asn": "source_asn", "asn_name": "source_as_name",
                        "brand": "target", "country_code": "source_country", "country_name": "extra.country", "isotime": "observed_at",
                        "screenshot": "screenshot_url", "discover_time": "",
                    },
                }),
                &[
                    BRAND,
                    (
                        "source.geolocation.country",
                        "extra.country",
                        "no field: the code says it",
                    ),
                ],
            ),
        ),
        (
            "phishtank/test_parser_test_event.1",
            entry(json!({
                "format": "json", "classification": "phishing", "columns": {
                    "url": "source_url", "phish_detail_url": "reference_url", "submission_time": "observed_at", "target": "target",
                    "phish_id": "extra.phishtank.phish_id", "verified": "extra.phishtank.verified",
                    "verification_time": "extra.phishtank.verification_time", "details.0.ip_address": "source_ip",
                    "details.0.cidr_block": "source_network", "details.0.announcing_network": "source_asn",
                    "details.0.country": "source_country",
                },
                "values": {"online": {"yes": {"status": "online"}, "no": {"status": "offline"}}},
            })),
        ),
        ("shadowserver/test_broken_test_broken.1", shadowserver()),
        (
            "shadowserver/test_broken_test_field_not_in_idf.1",
            Claim::Refused("a type of IntelMQ's test schema that the published one does not have"),
        ),
        (
            "shadowserver/test_broken_test_half_broken.1",
            shadowserver(),
        ),
        (
            "shadowserver/test_broken_test_invalid_filename.1",
            shadowserver(),
        ),
        ("shadowserver/test_broken_test_no_config.1", shadowserver()),
        (
            "shadowserver/test_broken_test_no_report_name.1",
            shadowserver(),
        ),
        (
            "shadowserver/test_mapping_test_changed_feed.1",
            shadowserver(),
        ),
        (
            "shadowserver/test_parameters_test_default.1",
            shadowserver(),
        ),
        (
            "shadowserver/test_parameters_test_overwrite_feed_name.1",
            shadowserver(),
        ),
        ("shadowserver/test_report_smb_test_event.1", shadowserver()),
        (
            "shadowserver/test_report_switch_test_event.1",
            shadowserver(),
        ),
        (
            "shadowserver/test_report_telnet_test_event.1",
            shadowserver(),
        ),
        (
            "spamhaus/test_parser_cert_test_events.1",
            entry(json!({"format": "spamhaus-cert"})),
        ),
        (
            "spamhaus/test_parser_drop_test_asn.1",
            entry(json!({
                "format": "csv", "classification": "spam",
                "options": {"header": "no", "delimiter": ";", "comment": ";", "dated_by": "Last-Modified:"},
                "columns": {"1": "source_asn", "2": "{source_country} | {source_as_name}"},
            })),
        ),
        (
            "spamhaus/test_parser_drop_test_network.1",
            entry(json!({
                "format": "csv", "classification": "spam",
                "options": {"header": "no", "delimiter": ";", "comment": ";", "dated_by": "Last-Modified:"},
                "columns": {"1": "source_network", "2": "extra.blocklist"},
            })),
        ),
        (
            "turris/test_parser_test_event.1",
            entry(json!({
                "format": "csv", "options": {"split": "Tags"}, "columns": {"Address": "source_ip", "Tags": "class_identifier"},
                "values": {"Tags": {
                    "http": login("80", "http"), "ftp": login("21", "ftp"), "telnet": login("23", "telnet"),
                    "smtp": {"class_type": "brute-force", "protocol_application": "smtp", "protocol_transport": "tcp"},
                    "port_scan": {"class_type": "scanner"},
                }},
            })),
        ),
        (
            "vxvault/test_parser_test_event.1",
            entry(json!({
                "format": "list", "classification": "malware-distribution",
                "options": {"kind": "url", "rows_with": "://", "dated_by": ""},
            })),
        ),
        ("zoneh/test_zoneh_test_event.1", zoneh()),
        ("zoneh/test_zoneh_test_pending_event.1", zoneh()),
    ]
}

const CLEANMX: &str =
    "the XML of a service that has ended; no feed of the catalogue has this shape";

fn tagged() -> Value {
    infected(
        json!({"source_ip": "source_ip", "source_url": "source_url", "tags": "extra.tags"}),
        json!({}),
    )
}

fn login(port: &str, application: &str) -> Value {
    json!({
        "class_type": "brute-force", "destination_port": port, "protocol_application": application,
        "protocol_transport": "tcp",
    })
}

fn cap() -> Claim {
    differing(
        json!({"format": "cymru-cap"}),
        &[(
            "extra.source_port",
            "source.port",
            "a port of the source is its port, in either spelling",
        )],
    )
}

fn ctip() -> Claim {
    differing(
        json!({"format": "ctip", "classification": "infected-system"}),
        &[
            (
                "source.geolocation.latitude",
                "extra.latitude",
                "no field: places are looked up",
            ),
            (
                "source.geolocation.longitude",
                "extra.longitude",
                "no field: places are looked up",
            ),
            (
                "time.source",
                "~",
                "IntelMQ's time goes through a floating number",
            ),
        ],
    )
}
