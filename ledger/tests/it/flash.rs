//! Flash alerts: numbers, two people, withdrawal.

use ledger::{FlashState, Ledger, NewFlash, Page};

fn alert(year: i32, author: &str) -> NewFlash {
    NewFlash {
        year,
        level: "critical".to_owned(),
        title: ("标题".to_owned(), "Title".to_owned()),
        text: ("正文".to_owned(), "Text".to_owned()),
        links: vec!["https://vendor.example/advisory".to_owned()],
        tlp: "TLP:CLEAR".to_owned(),
        author: author.to_owned(),
        ..NewFlash::default()
    }
}

fn opened() -> (tempfile::TempDir, tokio::runtime::Runtime) {
    (
        tempfile::tempdir().unwrap(),
        tokio::runtime::Runtime::new().unwrap(),
    )
}

#[test]
fn an_alert_goes_out_by_two_people_and_its_number_once() {
    let (folder, runtime) = opened();
    runtime.block_on(async {
        let ledger = Ledger::open(&folder.path().join("ledger.db"))
            .await
            .unwrap();
        let first = ledger.draft_flash(alert(2026, "li.na"), 1).await.unwrap();
        assert_eq!(
            (first.year, first.number, first.state),
            (2026, 1, FlashState::Draft)
        );
        let key = (2026, 1);
        // Not out before it is approved, and not approved by its author.
        assert!(ledger.publish_flash(key, "wang.wei", 2).await.is_err());
        let own = ledger.approve_flash(key, &["li.na"], 2).await.unwrap_err();
        assert!(
            own.to_string().contains("its author cannot approve it"),
            "{own}"
        );
        ledger.approve_flash(key, &["wang.wei"], 3).await.unwrap();
        assert!(ledger.approve_flash(key, &["zhao.min"], 4).await.is_err());
        let out = ledger.publish_flash(key, "li.na", 5).await.unwrap();
        assert_eq!(
            (out.state, out.published_at),
            (FlashState::Published, Some(5))
        );
        assert_eq!(out.digest(), out.hash);

        assert!(ledger.withdraw_flash(key, " ", "li.na", 6).await.is_err());
        let back = ledger
            .withdraw_flash(key, "wrong product", "li.na", 7)
            .await
            .unwrap();
        assert_eq!(back.withdrawn_why.as_deref(), Some("wrong product"));
        assert!(
            ledger
                .withdraw_flash(key, "again", "li.na", 8)
                .await
                .is_err()
        );
        // The number stays used; another year begins at 1.
        let next = ledger.draft_flash(alert(2026, "li.na"), 9).await.unwrap();
        let other = ledger.draft_flash(alert(2027, "li.na"), 9).await.unwrap();
        assert_eq!((next.number, other.number), (2, 1));
        let all = ledger.flashes(Page::ALL).await.unwrap();
        let numbers: Vec<_> = all.iter().map(|row| (row.year, row.number)).collect();
        assert_eq!(numbers, [(2027, 1), (2026, 2), (2026, 1)]);
        // Every step is in the trail.
        let trail = ledger.audit(Some("flash 2026-1"), Page::ALL).await.unwrap();
        let steps: Vec<_> = trail.iter().rev().map(|row| row.action.as_str()).collect();
        assert_eq!(
            steps,
            [
                "flash.draft",
                "flash.approve",
                "flash.publish",
                "flash.withdraw"
            ]
        );
    });
}

#[test]
fn what_is_wanting_is_refused() {
    let (folder, runtime) = opened();
    runtime.block_on(async {
        let ledger = Ledger::open(&folder.path().join("ledger.db"))
            .await
            .unwrap();
        let wanting = [
            NewFlash {
                level: "panic".to_owned(),
                ..alert(2026, "a")
            },
            NewFlash {
                title: ("标题".to_owned(), String::new()),
                ..alert(2026, "a")
            },
            NewFlash {
                links: vec!["javascript:alert(1)".to_owned()],
                ..alert(2026, "a")
            },
        ];
        for new in wanting {
            assert!(ledger.draft_flash(new, 1).await.is_err());
        }
        assert!(ledger.flashes(Page::ALL).await.unwrap().is_empty());
        assert!(ledger.approve_flash((2026, 1), &["b"], 2).await.is_err());
    });
}
