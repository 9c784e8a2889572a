//! Reads the sections that this version checks and does not apply: `[[webhook]]`, `[[scenario]]`.

use crate::program::file::known::Ids;
use crate::program::file::values;
use crate::program::reader::Section;

pub(super) fn read(top: &mut Section<'_>) {
    let mut webhooks = Ids::new("webhook");
    for section in top.tables("webhook", "[[webhook]]") {
        section.mistakes.warn_once(section.place, "[[webhook]] is read and not applied by this version");
        read_webhook(section, &mut webhooks);
    }
    for mut section in top.tables("scenario", "[[scenario]]") {
        section.mistakes.warn_once(section.place, "[[scenario]] is read and not applied by this version");
        // The rest is for those who run it: a scenario is not finished here.
        section.require(&["name"]);
        section.text("name");
    }
}

fn read_webhook(mut section: Section<'_>, webhooks: &mut Ids) {
    section.require(&["id", "url", "secret", "on"]);
    webhooks.declare(&mut section, "id");
    values::template(&mut section, "url");
    section.parsed("secret", values::secret);
    section.parsed_list("on", values::happenings_for_webhooks);
    section.finish();
}
