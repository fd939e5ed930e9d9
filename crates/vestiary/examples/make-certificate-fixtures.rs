//! Writes `fixtures/certificates`. A test compares the files with what this writes.

#[path = "../tests/it/certificate_cases/mod.rs"]
mod certificate_cases;

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/certificates");
    std::fs::create_dir_all(&folder)?;
    for (name, bytes) in certificate_cases::Cases::all().files {
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
