//! Reads the section that this version checks and does not apply: `[[scenario]]`.

use crate::program::reader::Section;

pub(super) fn read(top: &mut Section<'_>) {
    for mut section in top.tables("scenario", "[[scenario]]") {
        section.mistakes.warn_once(section.place, "[[scenario]] is read and not applied by this version");
        // The rest is for those who run it: a scenario is not finished here.
        section.require(&["name"]);
        section.text("name");
    }
}
