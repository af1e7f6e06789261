//! Do the planted bugs still fit the code?
//!
//! `.ci/plant` puts one patch of this folder after the other into the source, and lets the
//! simulation look for it. That takes half an hour; that each can still be put in takes none.

use std::fs;
use std::path::Path;

/// What the patch takes for granted in the one file that it changes, hunk by hunk.
fn expected(patch: &str) -> (&str, Vec<String>) {
    let file = patch.lines().find_map(|line| line.strip_prefix("+++ b/")).expect("a file");
    let hunks = patch.split("\n@@ ").skip(1).map(|hunk| {
        let lines = hunk.lines().skip(1).filter(|line| !line.starts_with('+'));
        lines.map(|line| line.get(1..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
    });
    (file, hunks.collect())
}

#[test]
fn every_planted_bug_fits_the_code_as_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut count, mut faults) = (0, Vec::new());
    for entry in fs::read_dir(root.join("tests/planted")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "patch") {
            let patch = fs::read_to_string(&path).expect("a patch");
            let (file, hunks) = expected(&patch);
            let text = fs::read_to_string(root.join(file)).unwrap_or_default();
            count += 1;
            if hunks.is_empty() || !hunks.iter().all(|hunk| text.contains(hunk.as_str())) {
                faults.push(format!("{} no longer fits {file}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(count >= 30, "{count} patches");
}
