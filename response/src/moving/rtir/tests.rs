//! Tickets as RTIR's spreadsheet and its interface tell them, and what is wrong with some.

use super::super::OldKind;
use super::*;
use model::incident::Severity;
use model::time::Timestamp;

const NOW: Timestamp = Timestamp(1_795_824_000_000_000);

fn words(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(rt, ours)| ((*rt).to_owned(), (*ours).to_owned()))
        .collect()
}

fn taken(text: &str, known: &[String], words: &BTreeMap<String, String>) -> Moving {
    let zone = TimeZone::get("Europe/Vienna").unwrap();
    let reading = Reading {
        kind: OldKind::Rtir,
        words,
        known,
        zone: &zone,
        now: NOW,
        draw: &|| [1; 10],
    };
    super::super::read(text.as_bytes(), &reading)
}

fn reasons(moving: &Moving) -> Vec<(usize, &str)> {
    let bad = moving.bad.iter();
    bad.map(|bad| (bad.line, bad.reason.as_str())).collect()
}

#[test]
fn a_spreadsheet_keeps_numbers_dates_owners_and_what_ended() {
    let text = "id\tSubject\tQueueName\tStatus\tOwnerName\tCreated\tResolved\tPriority\tMemberOf\tCustomField.{Classification}\tCustomField.{Resolution}\tCF.{IP}\tDomain\tRequestors\n\
        17\tphishing \"kit\"\tIncidents\tresolved\tli\tTue Mar 05 09:12:33 2019\t2019-03-06 10:00:00\t80\t\tPhishing\tsuccessfully resolved\t192.0.2.1 192.0.2.2\ta.example\tx@example.org\n\
        18\ta report\tIncident Reports\tresolved\tNobody in particular\tTue Mar 05 09:00:00 2019\tTue Mar 05 09:30:00 2019\t0\t17\t\t\t\t\t\n\
        19\tstill open\tIncidents - GOVNET\topen\tNobody\t2019-04-01 08:00\t\t\t\tScan\t\t198.51.100.0/24\t\t\n\
        20\ta block\tCountermeasures\tactive\tli\t2019-04-01 08:00\t\t\t\t\t\t\t\t\n\
        21\tasked the ISP\tInvestigations\topen\tli\t2019-04-01 08:00\t\t0\t9\t\t\t\t\t\n\
        22\tgone\tIncidents\tdeleted\tli\t2019-04-01 08:00\t\t\t\t\t\t\t\t\n";
    let made = taken(
        text,
        &[],
        &words(&[("successfully resolved", "taken-down")]),
    );
    assert_eq!(reasons(&made), []);
    assert_eq!(
        (made.parts.as_slice(), made.left),
        (&["18".to_owned()][..], 2)
    );
    let [first, second, third] = &made.all[..] else {
        panic!("{:?}", made.all);
    };
    // A quarter past nine in Vienna, in winter.
    assert_eq!(first.opened_at, 1_551_773_553_000_000);
    let closed = first.closed.unwrap();
    assert_eq!(closed, (Resolution::TakenDown, 1_551_862_800_000_000));
    let incident = &first.incident;
    assert_eq!(incident.external_number.as_deref(), Some("17"));
    assert_eq!(incident.what, "phishing \"kit\"");
    assert_eq!(
        (incident.kind, incident.severity),
        (CaseKind::Phishing, Severity::High)
    );
    assert_eq!(incident.owner.as_deref(), Some("li"));
    assert_eq!(incident.host.as_deref(), Some("a.example"));
    assert_eq!(incident.ip.as_deref(), Some("192.0.2.1"));
    // Nothing says that a party was asked: it counts nowhere.
    assert_eq!(first.noticed_at, None);
    let note = first.note.as_deref().unwrap();
    for kept in [
        "CF.{IP}: 192.0.2.1 192.0.2.2",
        "Requestors: x@example.org",
        "priority: 80",
    ] {
        assert!(note.contains(kept), "{note}");
    }
    assert_eq!(
        (second.closed, second.incident.owner.as_deref()),
        (None, None)
    );
    assert_eq!(
        (second.incident.kind, second.incident.ip.as_deref()),
        (CaseKind::Attack, None)
    );
    // Its incident is not in the file: it stands for itself.
    assert_eq!(third.incident.external_number.as_deref(), Some("21"));
    assert_eq!(third.incident.severity, Severity::Medium);
}

#[test]
fn answers_of_the_interface_are_read_alone_in_lists_and_in_pages() {
    let ticket = |id: u32, queue: &str, status: &str, more: &str| {
        format!(
            r#"{{"id":{id},"type":"ticket","Subject":"page {id}","Status":"{status}","Queue":{{"id":"3","Name":"{queue}","type":"queue"}},
            "Owner":{{"id":"li","type":"user"}},"Requestor":[{{"id":"x@example.org","type":"user"}}],
            "Created":"2019-03-05T08:12:33Z","Resolved":"1970-01-01T00:00:00Z","LastUpdated":"2019-03-07T00:00:00Z","Priority":50{more}}}"#
        )
    };
    let fields = r#","CustomFields":[{"id":"4","name":"IP","values":["192.0.2.7","192.0.2.8"]},{"id":"5","name":"Domain","values":[]},{"id":"6","name":"How Reported","values":["Email"]}]"#;
    let parent =
        r#","_hyperlinks":[{"ref":"self","id":2},{"ref":"parent","type":"ticket","id":"1"}]"#;
    let first = ticket(1, "Incidents", "abandoned", fields);
    let second = ticket(2, "Incident Reports", "open", parent);
    let page = format!(r#"{{"count":2,"items":[{first},{second}]}}"#);
    let lines = format!("{first}\n{second}\n");
    let list = format!("[{first},{second}]");
    for text in [page, lines, list] {
        let made = taken(&text, &[], &words(&[]));
        assert_eq!(reasons(&made), []);
        assert_eq!((made.all.len(), made.parts.len()), (1, 1));
        let one = &made.all[0];
        // Never resolved, says RT: its last change is when it ended.
        assert_eq!(one.closed, Some((Resolution::Stale, 1_551_916_800_000_000)));
        assert_eq!(one.incident.owner.as_deref(), Some("li"));
        assert_eq!(one.incident.ip.as_deref(), Some("192.0.2.7"));
        let note = one.note.as_deref().unwrap();
        assert!(note.contains("IP: 192.0.2.7, 192.0.2.8") && note.contains("How Reported: Email"));
    }
    let again = taken(&first, &["1".to_owned()], &words(&[]));
    assert_eq!(
        (again.known.as_slice(), again.all.len()),
        (&["1".to_owned()][..], 0)
    );
}

#[test]
fn what_cannot_be_used_is_named_with_what_helps() {
    let heads = "id,Subject,Queue,Status,Created,Resolved,Classification\n";
    let rows = "1,a,Incidents,resolved,2019-03-05,2019-03-06,\n\
        2,b,Incidents,open,3 days ago,,\n\
        3,c,General,open,2019-03-05,,\n\
        4,d,Incidents,pondered,2019-03-05,,\n\
        5,e,Incidents,open,2019-03-05,,Wizardry\n\
        6,f,Incidents,abandoned,2019-03-05,,\n\
        x,g,Incidents,open,2019-03-05,,\n\
        8,h,Incidents,open,2019-03-05,,\n\
        8,h,Incidents,open,2019-03-05,,\n";
    let made = taken(&format!("{heads}{rows}"), &[], &words(&[]));
    assert_eq!(made.all.len(), 1);
    let told = reasons(&made);
    let expected = [
        (1, "--word \"resolved=RESOLUTION\""),
        (2, "not CreatedRelative"),
        (3, "leave it out"),
        (4, "--word \"pondered=open\""),
        (5, "--word \"Wizardry=KIND\""),
        (6, "Resolved is empty"),
        (7, "is no number of a ticket"),
        (9, "stands there twice"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for ((line, reason), (at, part)) in told.iter().zip(expected) {
        assert_eq!(*line, at);
        assert!(reason.contains(part), "{reason}");
    }
    let said = words(&[
        ("resolved", "cleaned"),
        ("pondered", "open"),
        ("wizardry", "other"),
    ]);
    assert_eq!(taken(&format!("{heads}{rows}"), &[], &said).all.len(), 4);
    for (text, part) in [
        ("", "is empty"),
        ("id,Subject\n1,a\n", "has no column Status, Created"),
        ("{\"id\":1", "is no JSON"),
        (
            "[{\"id\":\"1\",\"type\":\"ticket\",\"_url\":\"https://rt.example/1\"}]",
            "has no Status",
        ),
        ("[7]", "is no ticket"),
    ] {
        let made = taken(text, &[], &words(&[]));
        assert!(made.bad[0].reason.contains(part), "{:?}", made.bad);
    }
}
