//! X-ARF, STIX and IODEF files, judged.

use model::bulletin::Lang;
use model::notice::NoticeKind;
use model::organization::NoticeFormat;
use response::notice::{Draft, compose};

use super::{Court, look, replaced};
use crate::drafts::{NAUGHTY, draft, poisoned, several};

/// The machine-readable file of a draft.
fn machine(draft: &Draft, format: NoticeFormat) -> Vec<u8> {
    let composed = compose(draft, &look(format)).unwrap();
    composed.attachments.into_iter().nth(1).unwrap().bytes
}

/// Each incident of a draft as a draft of its own.
fn singles(draft: &Draft) -> impl Iterator<Item = Draft> {
    draft.items.iter().map(|item| Draft {
        items: vec![item.clone()],
        ..draft.clone()
    })
}

#[test]
fn xarf_accepts_our_reports() {
    let Some(court) = Court::of("xarf") else {
        return;
    };
    let good: Vec<Vec<u8>> = singles(&several(Lang::En))
        .map(|draft| machine(&draft, NoticeFormat::Xarf))
        .collect();
    for (bytes, verdict) in good.iter().zip(court.judge_all("xarf", &good)) {
        assert_eq!(verdict, "ok", "{}", String::from_utf8_lossy(bytes));
    }
    let bytes = machine(&draft(NoticeKind::First, Lang::En), NoticeFormat::Xarf);
    for (from, to) in [
        ("\"source_identifier\"", "\"source\""),
        ("\"content\"", "\"contents\""),
        ("\"xarf_version\": \"4", "\"xarf_version\": \"9"),
    ] {
        assert!(
            court
                .judge("xarf", &replaced(&bytes, from, to), None)
                .starts_with("refused"),
            "{to}"
        );
    }
}

#[test]
fn the_stix_validator_accepts_our_bundles() {
    let Some(court) = Court::of("stix2validator") else {
        return;
    };
    let mut good: Vec<Vec<u8>> = Vec::new();
    for tlp in <model::tlp::Tlp as model::worded::Word>::ALL {
        let mut draft = several(Lang::En);
        draft.tlp = *tlp;
        good.push(machine(&draft, NoticeFormat::Stix));
    }
    let poison = NAUGHTY
        .iter()
        .map(|text| poisoned(NoticeKind::First, Lang::En, text));
    good.extend(poison.map(|draft| machine(&draft, NoticeFormat::Stix)));
    for (bytes, verdict) in good.iter().zip(court.judge_all("stix", &good)) {
        assert_eq!(verdict, "ok", "{}", String::from_utf8_lossy(bytes));
    }
    let broken = [
        replaced(&good[0], "\"valid_from\"", "\"valid_since\""),
        replaced(&good[0], "[url:value = '", "[url:value = ''"),
    ];
    for verdict in court.judge_all("stix", &broken) {
        assert!(verdict.starts_with("refused"), "{verdict}");
    }
}

#[test]
fn iodef_has_the_structure_of_rfc_7970() {
    let Some(court) = Court::of("xml") else {
        return;
    };
    for lang in Lang::ALL {
        let bytes = machine(&several(lang), NoticeFormat::Iodef);
        assert_eq!(
            court.judge("iodef", &bytes, None),
            "ok",
            "{}",
            String::from_utf8_lossy(&bytes)
        );
    }
    for text in NAUGHTY {
        let bytes = machine(
            &poisoned(NoticeKind::First, Lang::En, text),
            NoticeFormat::Iodef,
        );
        assert_eq!(court.judge("iodef", &bytes, None), "ok", "{text:?}");
    }
    let bytes = machine(&several(Lang::En), NoticeFormat::Iodef);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let id = &text[text.find("<IncidentID").unwrap()..text.find("</IncidentID>").unwrap() + 13];
    assert!(
        court
            .judge("iodef", &replaced(&bytes, id, ""), None)
            .starts_with("refused")
    );
    assert!(
        court
            .judge(
                "iodef",
                &replaced(&bytes, "purpose=\"mitigation\"", "purpose=\"x\""),
                None
            )
            .starts_with("refused")
    );
}
