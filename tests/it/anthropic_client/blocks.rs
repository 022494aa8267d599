//! The typed view of every block of the reference
//! (`docs/protocol.md#code-results, #web-tools, #output-blocks`), and of broken ones.

use claude_kernel::anthropic::block::{
    Block, Edited, Executed, ToolError, View, unanswered_server_calls,
};
use serde_json::{Value, json};

/// The view of a block; the block itself is echoed unchanged.
#[expect(
    clippy::needless_pass_by_value,
    reason = "blocks are written where they are checked"
)]
fn check(raw: Value, expected: &View<'_>) {
    let block = Block::from_raw(raw.clone());
    assert_eq!(block.view(), *expected, "{raw}");
    assert_eq!(serde_json::to_string(&block).unwrap(), raw.to_string());
}

#[test]
fn what_claude_says() {
    let citation = json!({"type": "char_location", "cited_text": "x"});
    check(
        json!({"type": "text", "text": "hi", "citations": [citation.clone()]}),
        &View::Text {
            text: "hi",
            citations: std::slice::from_ref(&citation),
        },
    );
    check(
        json!({"type": "text", "text": "hi", "citations": null}),
        &View::Text {
            text: "hi",
            citations: &[],
        },
    );
    check(
        json!({"type": "thinking", "thinking": "", "signature": "Ep"}),
        &View::Thinking { thinking: "" },
    );
    check(
        json!({"type": "redacted_thinking", "data": "b64"}),
        &View::RedactedThinking,
    );
    check(
        json!({"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"},
            "trigger": {"type": "refusal", "category": "bio"}}),
        &View::Fallback { from: "a", to: "b" },
    );
    check(
        json!({"type": "compaction", "content": "so far", "signature": "s"}),
        &View::Compaction { summary: "so far" },
    );
    check(
        json!({"type": "compaction", "content": null, "encrypted_content": "e"}),
        &View::Compaction { summary: "" },
    );
}

#[test]
fn calls() {
    let input = json!({"command": "ls", "restart": false});
    check(
        json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "bash_code_execution",
            "input": input, "caller": {"type": "direct"}}),
        &View::ServerToolUse {
            id: "srvtoolu_1",
            name: "bash_code_execution",
            input: &input,
        },
    );
    check(
        json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_fetch"}),
        &View::ServerToolUse {
            id: "srvtoolu_1",
            name: "web_fetch",
            input: &json!({}),
        },
    );
    check(
        json!({"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "q", "server_name": "s", "input": {}}),
        &View::ServerToolUse {
            id: "mcptoolu_1",
            name: "q",
            input: &json!({}),
        },
    );
    check(
        json!({"type": "tool_use", "id": "toolu_1", "name": "insert_cell", "input": {"a": 1}, "toolset_name": null}),
        &View::ToolUse {
            id: "toolu_1",
            name: "insert_cell",
            input: &json!({"a": 1}),
        },
    );
}

#[test]
fn results_of_code() {
    check(
        json!({"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_01A",
            "content": {"type": "bash_code_execution_result", "stdout": "ok\n", "stderr": "", "return_code": 0,
                "content": [{"type": "bash_code_execution_output", "file_id": "file_011"}, {"type": "later"}]}}),
        &View::Executed {
            tool_use_id: "srvtoolu_01A",
            outcome: Ok(Executed {
                stdout: Some("ok\n"),
                stderr: "",
                return_code: 0,
                file_ids: vec!["file_011"],
            }),
        },
    );
    check(
        json!({"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_01F",
            "content": {"type": "encrypted_code_execution_result", "encrypted_stdout": "...", "stderr": "w",
                "return_code": -9, "content": []}}),
        &View::Executed {
            tool_use_id: "srvtoolu_01F",
            outcome: Ok(Executed {
                stdout: None,
                stderr: "w",
                return_code: -9,
                file_ids: vec![],
            }),
        },
    );
    check(
        json!({"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_01E",
            "content": {"type": "code_execution_result", "stdout": "", "stderr": "", "return_code": 1,
                "content": [{"type": "code_execution_output", "file_id": "file_012"}]}}),
        &View::Executed {
            tool_use_id: "srvtoolu_01E",
            outcome: Ok(Executed {
                stdout: Some(""),
                stderr: "",
                return_code: 1,
                file_ids: vec!["file_012"],
            }),
        },
    );
    check(
        json!({"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_01A",
            "content": {"type": "bash_code_execution_tool_result_error", "error_code": "output_file_too_large"}}),
        &View::Executed {
            tool_use_id: "srvtoolu_01A",
            outcome: Err(ToolError {
                code: "output_file_too_large",
                message: None,
            }),
        },
    );
}

#[test]
fn results_of_the_text_editor() {
    let edited = |content: Value, outcome| {
        check(
            json!({"type": "text_editor_code_execution_tool_result", "tool_use_id": "srvtoolu_01B", "content": content}),
            &View::Edited {
                tool_use_id: "srvtoolu_01B",
                outcome,
            },
        );
    };
    edited(
        json!({"type": "text_editor_code_execution_view_result", "file_type": "text", "content": "a\nb",
            "num_lines": 2, "start_line": 1, "total_lines": null}),
        Ok(Edited::Viewed {
            file_type: "text",
            content: "a\nb",
            start_line: Some(1),
            num_lines: Some(2),
            total_lines: None,
        }),
    );
    edited(
        json!({"type": "text_editor_code_execution_create_result", "is_file_update": true}),
        Ok(Edited::Created {
            is_file_update: true,
        }),
    );
    edited(
        json!({"type": "text_editor_code_execution_str_replace_result", "old_start": 3, "old_lines": 1,
            "new_start": 3, "new_lines": 1, "lines": ["-x", "+y"]}),
        Ok(Edited::Replaced {
            old_start: Some(3),
            new_start: Some(3),
            lines: vec!["-x", "+y"],
        }),
    );
    edited(
        json!({"type": "text_editor_code_execution_str_replace_result", "old_start": null, "old_lines": null,
            "new_start": null, "new_lines": null, "lines": null}),
        Ok(Edited::Replaced {
            old_start: None,
            new_start: None,
            lines: vec![],
        }),
    );
    edited(
        json!({"type": "text_editor_code_execution_tool_result_error", "error_code": "file_not_found", "error_message": "no such file"}),
        Err(ToolError {
            code: "file_not_found",
            message: Some("no such file"),
        }),
    );
}

#[test]
fn results_of_the_other_tools() {
    let found = json!([{"type": "web_search_result", "url": "https://e.x", "title": "T",
        "encrypted_content": "...", "page_age": null}]);
    check(
        json!({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "caller": {"type": "direct"}, "content": found}),
        &View::Searched {
            tool_use_id: "srvtoolu_1",
            outcome: Ok(found.as_array().unwrap()),
        },
    );
    check(
        json!({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1",
            "content": {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}}),
        &View::Searched {
            tool_use_id: "srvtoolu_1",
            outcome: Err(ToolError {
                code: "max_uses_exceeded",
                message: None,
            }),
        },
    );
    let page = json!({"type": "web_fetch_result", "url": "https://e.x", "retrieved_at": "2026-11-22T10:00:00Z",
        "content": {"type": "document", "title": null, "citations": null,
            "source": {"type": "text", "media_type": "text/plain", "data": "..."}}});
    check(
        json!({"type": "web_fetch_tool_result", "tool_use_id": "srvtoolu_2", "content": page}),
        &View::Fetched {
            tool_use_id: "srvtoolu_2",
            outcome: Ok(&page),
        },
    );
    check(
        json!({"type": "web_fetch_tool_result", "tool_use_id": "srvtoolu_2",
            "content": {"type": "web_fetch_tool_result_error", "error_code": "url_not_allowed"}}),
        &View::Fetched {
            tool_use_id: "srvtoolu_2",
            outcome: Err(ToolError {
                code: "url_not_allowed",
                message: None,
            }),
        },
    );
    for raw in [
        json!({"type": "tool_search_tool_result", "tool_use_id": "srvtoolu_3",
            "content": {"type": "tool_search_tool_search_result", "tool_references": []}}),
        json!({"type": "advisor_tool_result", "tool_use_id": "srvtoolu_3",
            "content": {"type": "advisor_redacted_result", "encrypted_content": "...", "stop_reason": "end_turn"}}),
        json!({"type": "mcp_tool_result", "tool_use_id": "srvtoolu_3", "is_error": false,
            "content": [{"type": "text", "text": "..."}]}),
        json!({"type": "future_tool_result", "tool_use_id": "srvtoolu_3"}),
    ] {
        let kind = raw["type"].as_str().unwrap();
        let content = raw.get("content").unwrap_or(&Value::Null);
        check(
            raw.clone(),
            &View::OtherResult {
                kind,
                tool_use_id: "srvtoolu_3",
                content,
            },
        );
    }
}

#[test]
fn unknown_and_broken_blocks_are_kept() {
    for raw in [
        json!({"type": "hologram", "angle": 30}),
        json!({"type": "container_upload", "file_id": "file_1"}),
        json!({"type": "mcp_tool_listing", "tools": []}),
        json!({"type": "text"}),
        json!({"type": "text", "text": null}),
        json!({"type": "tool_use", "id": 7, "name": "x"}),
        json!({"type": "fallback", "from": {}, "to": null}),
        json!({"type": "bash_code_execution_tool_result", "tool_use_id": "a"}),
        json!({"type": "bash_code_execution_tool_result", "tool_use_id": "a", "content": {"type": "new_result"}}),
        json!({"type": "web_search_tool_result", "tool_use_id": "a", "content": "text"}),
        json!({"type": "web_fetch_tool_result", "content": {}}),
    ] {
        let kind = raw["type"].as_str().unwrap();
        check(raw.clone(), &View::Unknown { kind });
    }
    check(json!({"text": "no type"}), &View::Unknown { kind: "" });
    check(json!({"type": 5}), &View::Unknown { kind: "" });
    let block = Block::from_raw(json!("bare"));
    assert_eq!(
        block.view(),
        View::Unknown {
            kind: "not_an_object"
        }
    );
    assert_eq!(block.raw()["value"], "bare");
}

#[test]
fn a_call_is_answered_by_any_block_that_names_it() {
    let call =
        |id: &str| Block::from_raw(json!({"type": "server_tool_use", "id": id, "name": "n"}));
    let result =
        |id: &str| Block::from_raw(json!({"type": "future_tool_result", "tool_use_id": id}));
    let client = Block::from_raw(json!({"type": "tool_use", "id": "toolu_1", "name": "n"}));
    let content = [
        call("a"),
        call("b"),
        client,
        result("a"),
        call("c"),
        result("c"),
    ];
    assert_eq!(unanswered_server_calls(&content), ["b"]);
}
