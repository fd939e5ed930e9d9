//! HTTP below JSON-RPC: what a server can do wrong, and what is made of it.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use vestiary::ids::ChainId;
use vestiary_chain::{
    ChainError,
    rpc::{Endpoint, Rpc, RpcOptions},
};

/// Answers every connection with these bytes, and says what connecting to it gives.
async fn answered_with(answer: String) -> ChainError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/secret-path", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut question = [0; 4096];
            let _ = stream.read(&mut question).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            if answer.is_empty() {
                tokio::time::sleep(Duration::from_mins(1)).await;
            }
        }
    });
    let options = RpcOptions {
        deadline: Duration::from_millis(500),
        max_response_bytes: 1_000,
    };
    let error = Rpc::connect(Endpoint::url(&url).unwrap(), ChainId(1), None, options)
        .await
        .unwrap_err();
    server.abort();
    assert!(!format!("{error:?} {error}").contains("secret-path"), "{error:?}");
    error
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn an_answer_over_the_limit_is_not_read_to_its_end() {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":0,"result":"0x1","x":"{}"}}"#,
        "x".repeat(2_000)
    );
    let error = answered_with(http("200 OK", "", &body)).await;
    assert_eq!(
        error,
        ChainError::TooLarge {
            method: "eth_chainId",
            limit_bytes: 1_000
        }
    );
}

#[tokio::test]
async fn too_many_requests_says_when_to_come_back() {
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let error = answered_with(http(status, "Retry-After: 7\r\n", "busy")).await;
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)), "{status}");
        assert_eq!(error.code(), "node_rate_limit");
    }
}

#[tokio::test]
async fn an_error_of_the_node_is_read_whatever_the_status() {
    let body = r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32601,"message":"no such\nmethod"}}"#;
    for status in ["200 OK", "403 Forbidden"] {
        let error = answered_with(http(status, "", body)).await;
        let ChainError::Refused { code, text, .. } = error else {
            panic!("{status}: {error:?}")
        };
        assert_eq!((code, text.as_str()), (-32_601, "no such method"));
    }
}

#[tokio::test]
async fn what_is_no_answer_is_named_by_what_it_is() {
    for (answer, code) in [
        (
            http("200 OK", "", "<html>secret-path</html>"),
            "node_answer_malformed",
        ),
        (
            http("502 Bad Gateway", "", "<html>secret-path</html>"),
            "node_unreachable",
        ),
        (
            http("302 Found", "Location: http://127.0.0.1:1/secret-path\r\n", ""),
            "node_unreachable",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{".to_owned(),
            "node_silent",
        ),
        (String::new(), "node_silent"),
        ("garbage".to_owned(), "node_silent"),
    ] {
        let error = answered_with(answer.clone()).await;
        let either = [code, "node_unreachable"];
        assert!(either.contains(&error.code()), "{answer:?} gave {}", error.code());
    }
}

#[tokio::test]
async fn an_answer_to_another_question_is_malformed() {
    let body = r#"{"jsonrpc":"2.0","id":0,"result":{"not":"a number"}}"#;
    assert_eq!(
        answered_with(http("200 OK", "", body)).await.code(),
        "node_answer_malformed"
    );
}
