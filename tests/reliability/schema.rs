//! A place of its own in a PostgreSQL database.

/// Makes a schema that nobody else uses; returns the connection string that leads there.
#[cfg(feature = "postgres")]
pub fn new(url: &str) -> String {
    let name = format!(
        "reliability_{}_{}",
        std::process::id(),
        dateline::clock::Clock::system().now().as_microsecond()
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    });
    let more = if url.contains('?') { '&' } else { '?' };
    format!("{url}{more}options=-csearch_path%3D{name}")
}

#[cfg(not(feature = "postgres"))]
pub fn new(_url: &str) -> String {
    panic!("built without the feature `postgres`")
}

/// The server that the tests may use, where there is one and this program can speak to it.
pub fn server() -> Option<String> {
    std::env::var("DATELINE_TEST_POSTGRES").ok().filter(|_| cfg!(feature = "postgres"))
}
