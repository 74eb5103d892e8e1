//! What two revisions print differently.

use bulletin::differences::differences;
use model::bulletin::{Lang, Note, Paragraph, Text};

use super::specimen;

#[test]
fn only_what_says_another_thing_is_listed() {
    let before = specimen::bulletin();
    let mut after = before.clone();
    assert_eq!(differences(&before, &after, Lang::Zh), []);
    after.notes.push(Note {
        id: "late".to_owned(),
        text: Paragraph::words(Text::new("迟到", "late")),
    });
    let first = after.values.first_mut().expect("a figure");
    first.value = None;
    let key = first.key.clone();
    let found = differences(&before, &after, Lang::En);
    let told: Vec<(&str, bool, &str)> = found
        .iter()
        .map(|one| (one.what.as_str(), one.figure, one.after.as_str()))
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((told[0].0, told[0].1), (key.as_str(), true));
    assert!(told[0].2.starts_with('–'), "{}", told[0].2);
    assert_eq!(told[1], ("late", false, "late"));
}
