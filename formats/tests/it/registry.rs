//! The table of formats is whole: each row is a file (or a folder) of the same name with its
//! `FORMAT`, and each has a good sample among the hostile tests or one of its own.

use std::path::Path;

#[test]
fn each_format_is_a_file_with_its_row_and_a_sample() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests: String = std::fs::read_dir(root.join("tests/it"))
        .expect("the tests are there")
        .map(|entry| entry.expect("the tests are there").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .map(|path| std::fs::read_to_string(path).expect("a source is text"))
        .collect();
    let intake = root.join("../docs/formats.md");
    let manual = std::fs::read_to_string(intake).unwrap_or_default();
    for format in formats::FORMATS {
        let name = format.name;
        let file = name.replace('-', "_");
        let files = [format!("src/{file}.rs"), format!("src/{file}/mod.rs")];
        let text = files
            .iter()
            .find_map(|file| std::fs::read_to_string(root.join(file)).ok());
        let text = text.unwrap_or_else(|| panic!("format {name} is no file of its own"));
        assert!(text.contains("pub const FORMAT: Format"), "{name}");
        assert!(
            text.contains(&format!("name: \"{name}\"")) || name == "shadowserver",
            "{name}"
        );
        assert!(
            tests.contains(&format!("\"{name}\"")),
            "format {name} has no sample test"
        );
        assert!(
            manual.is_empty() || manual.contains(&format!("| `{name}` |")),
            "docs/formats.md does not name {name}"
        );
    }
}
