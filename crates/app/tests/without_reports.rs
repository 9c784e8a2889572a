//! The binary that was built without a query engine: everything is there but reports, and it says so.
//! `cargo test -p proofback --no-default-features --test without_reports`

#![cfg(not(feature = "reports"))]
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use support::{ADMIN, Server, run, stderr};

#[tokio::test]
async fn addresses_of_reports_say_that_there_are_none() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    for path in
        ["/reports?by=day", "/reports/dimensions", "/reports/saved/x/run", "/partners/reelmedia/profit"]
    {
        let reply = server.api_as(ADMIN, path).await;
        assert_eq!(reply.status, 404, "{path}: {}", reply.body);
        assert_eq!(reply.json().unwrap()["detail"], "this build has no reports", "{path}");
    }
    assert_eq!(server.get("/feeds/x.csv").await.status, 404);
    assert_eq!(server.get("/metrics").await.status, 200);
    server.click("reelmedia-shop").await;
    let output = run(&["report", "--by", "day", "--server", &server.url]);
    assert!(
        !output.status.success() && stderr(&output).contains("this build has no reports"),
        "{}",
        stderr(&output)
    );
}
