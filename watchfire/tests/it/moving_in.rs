//! Moving in from outside: workbooks where CSV was taken, tickets of RTIR, and the contact database of IntelMQ. A preview
//! stores nothing, no clock starts, nothing is sent, and what came can be taken back.

use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};

use crate::run::Bench;

const CONFIGURATION: &str = r#"
[workspace]
name = "moving in"
zone = "Asia/Shanghai"
"#;

fn bench() -> Bench {
    Bench::with(CONFIGURATION).set("USER", "li")
}

/// A workbook of these rows; a cell that begins with `=` is a date.
fn workbook(rows: &[&[&str]]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    let date = Format::new().set_num_format("yyyy-mm-dd hh:mm");
    for (at, row) in rows.iter().enumerate() {
        for (column, cell) in row.iter().enumerate() {
            let (at, column) = (at as u32, column as u16);
            match cell.strip_prefix('=') {
                Some(text) => {
                    let value = ExcelDateTime::parse_from_str(text).expect("a date");
                    sheet.write_datetime_with_format(at, column, &value, &date)
                }
                None => sheet.write_string(at, column, *cell),
            }
            .expect("it is written");
        }
    }
    workbook.save_to_buffer().expect("a workbook")
}

fn count(bench: &Bench, list: &[&str]) -> usize {
    let mut all = vec!["--json"];
    all.extend(list);
    let listed = bench.run(&all).exits(0).json();
    listed.as_array().map_or(0, Vec::len)
}

#[test]
fn a_workbook_says_what_its_csv_would() {
    let bench = bench();
    let heads: &[&str] = &["number", "kind", "what", "opened", "closed", "resolution"];
    let rows = workbook(&[
        heads,
        &[
            "RT-17",
            "phishing",
            "old page",
            "=2019-05-01 08:00",
            "=2019-05-02 09:30",
            "taken-down",
        ],
        &["RT-18", "wizardry", "odd", "=2019-05-01 08:00"],
    ]);
    bench.write("old.xlsx", rows);
    bench
        .run(&["incidents", "import", "old.xlsx", "--name", "rt"])
        .exits(4)
        .prints("2019-05-01 08:00")
        .prints("taken-down 2019-05-02 09:30")
        .says("old.xlsx record 2");
    assert_eq!(count(&bench, &["incidents", "list"]), 0);
    bench
        .run(&["incidents", "import", "old.xlsx", "--name", "rt", "--apply"])
        .exits(4);
    bench
        .run(&["incidents", "rollback", "rt"])
        .exits(0)
        .prints("1 incidents of rt are out");
    bench.write(
        "parties.xlsx",
        workbook(&[
            &["name_en", "roles", "address", "scope", "value"],
            &[
                "Example Registrar",
                "registrar",
                "abuse@example.com",
                "tld",
                "example",
            ],
        ]),
    );
    bench
        .run(&[
            "orgs",
            "import",
            "parties.xlsx",
            "--source",
            "partners",
            "--apply",
        ])
        .exits(0)
        .prints("+ Example Registrar");
    bench.write(
        "list.xlsx",
        workbook(&[&["网址", "类别"], &["https://a.bad.example/login", "仿冒"]]),
    );
    bench
        .run(&["inbox", "import", "list.xlsx", "--preview"])
        .exits(0)
        .prints("1 complaints would be filed");
    bench.write("list.xlsx", b"PK\x03\x04 no workbook");
    bench
        .run(&["inbox", "import", "list.xlsx", "--preview"])
        .exits(1)
        .says("damaged workbook");
}

#[test]
fn tickets_of_rtir_move_in_and_out() {
    let bench = bench();
    bench.write(
        "rt.tsv",
        "id\tSubject\tQueueName\tStatus\tOwnerName\tCreated\tResolved\tHasIncident\tCustomField.{Classification}\tCustomField.{How Reported}\n\
        1704\tkit on a host\tIncidents\tresolved\tli\tTue Mar 05 09:12:33 2019\tWed Mar 06 10:00:00 2019\t\tSpam\tEmail\n\
        1705\ta report of it\tIncident Reports\tresolved\tNobody\tTue Mar 05 09:00:00 2019\tWed Mar 06 10:00:00 2019\t1704\t\tTelephone\n\
        1706\tan ISP asked\tInvestigations\topen\tli\tTue Mar 05 09:00:00 2019\t\t\t\t\n",
    );
    let import = [
        "incidents",
        "import",
        "rt.tsv",
        "--name",
        "rtir",
        "--kind",
        "rtir",
    ];
    bench
        .run(&import)
        .exits(4)
        .says("record 1: ended as `resolved`, which does not say how: add --word");
    let with = |more: &[&str]| {
        let mut all = import.to_vec();
        all.extend(["--word", "resolved=cleaned"]);
        all.extend(more);
        bench.run(&all)
    };
    with(&[])
        .exits(0)
        .prints("kit on a host")
        .says("2 incidents would move in")
        .says("1 belong to incidents of the file");
    assert_eq!(count(&bench, &["incidents", "list"]), 0);
    with(&["--apply"]).exits(0);
    with(&["--apply"]).exits(0).says("2 there already");
    bench
        .run(&["incidents", "show", "1704"])
        .exits(0)
        .prints("2019-03-05 09:12")
        .prints("closed: cleaned")
        .prints("How Reported}: Email");
    let clocks = bench
        .run(&["--json", "incidents", "clocks"])
        .exits(0)
        .json();
    assert_eq!(clocks["clocks"].as_array().map(Vec::len), Some(0));
    assert!(bench.run(&["notices", "list"]).exits(0).stdout.is_empty());
    bench
        .run(&["incidents", "note", "1706", "called them"])
        .exits(0);
    bench
        .run(&["incidents", "rollback", "rtir"])
        .exits(0)
        .prints("1 incidents of rtir are out")
        .says("stays: somebody worked on it since");
    bench
        .run(&[
            "incidents",
            "import",
            "rt.tsv",
            "--name",
            "x",
            "--kind",
            "otrs",
        ])
        .exits(2)
        .says("rtir");
    bench
        .run(&[
            "incidents",
            "import",
            "rt.tsv",
            "--name",
            "x",
            "--word",
            "resolved",
        ])
        .exits(2)
        .says("THEIRS=OURS");
    bench.run(&["audit", "verify"]).exits(0);
}

#[test]
fn the_contact_database_moves_in_from_a_dump_and_from_a_folder_and_out() {
    let bench = bench();
    bench.write(
        "contacts.sql",
        "SET client_encoding = 'UTF8';\n\
        COPY public.organisation (organisation_id, name, ripe_org_hdl) FROM stdin;\n1\tExample Net\tORG-EX1-TEST\n\\.\n\
        COPY public.contact (contact_id, email, organisation_id) FROM stdin;\n1\tabuse@example.net\t1\n2\tnobody\t1\n\\.\n\
        COPY public.organisation_to_asn (organisation_id, asn) FROM stdin;\n1\t64496\n\\.\n",
    );
    let import = |file: &str, more: &[&str]| {
        let mut all = vec!["orgs", "import", file, "--source", "certbund"];
        all.extend(["--kind", "intelmq-contactdb"]);
        all.extend(more);
        bench.run(&all)
    };
    import("contacts.sql", &[])
        .exits(4)
        .prints("+ Example Net (network-operator), 1 contacts, answers for 1")
        .says("contacts.sql record 7: table contact: `nobody` is no mail address");
    assert_eq!(count(&bench, &["orgs", "list"]), 0);
    import("contacts.sql", &["--apply"]).exits(4);
    bench
        .run(&["orgs", "show", "Example Net"])
        .exits(0)
        .prints("abuse@example.net")
        .prints("64496");
    bench.write(
        "tables/organisation.csv",
        "organisation_id,name,ripe_org_hdl\n1,Example Net,ORG-EX1-TEST\n",
    );
    bench.write("tables/network.csv", "network_id,address\n4,192.0.2.0/24\n");
    bench.write(
        "tables/organisation_to_network.csv",
        "organisation_id,network_id\n1,4\n",
    );
    bench.write(
        "tables/organisation_to_asn.csv",
        "organisation_id,asn\n1,64496\n",
    );
    import("tables", &[])
        .exits(0)
        .prints("+ Example Net: prefix 192.0.2.0/24");
    bench
        .run(&["orgs", "rollback", "certbund"])
        .exits(0)
        .prints("1 organizations");
    bench.write("contacts.sql", "PGDMP\u{1}");
    import("contacts.sql", &[]).exits(4).says("pg_restore");
}
