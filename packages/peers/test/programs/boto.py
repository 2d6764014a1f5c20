"""Calls the emulator with boto3, and prints one JSON object: of each call, its result or its exception."""
import json
import os
import urllib.request

import boto3
from botocore.config import Config

nova = "amazon.nova-lite-v1:0"
embed = "amazon.titan-embed-text-v2:0"
claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
arn = "arn:aws:bedrock:%s:123456789012:inference-profile/" + claude
hello = [{"role": "user", "content": [{"text": "Hi"}]}]
config = Config(retries={"total_max_attempts": 1})


def runtime(region="us-east-1", **options):
    return boto3.client("bedrock-runtime", region_name=region, config=config, **options)


client = runtime()
control = boto3.client("bedrock", config=config)
results = {}


def call(name, run):
    try:
        results[name] = run()
    except Exception as error:
        response = getattr(error, "response", {})
        results[name] = {
            "type": type(error).__name__,
            "module": type(error).__module__,
            "code": response.get("Error", {}).get("Code"),
            "message": response.get("Error", {}).get("Message"),
            "status": response.get("ResponseMetadata", {}).get("HTTPStatusCode"),
        }


def inject(**fault):
    request = urllib.request.Request(
        os.environ["EMULATOR"] + "/_strata/faults",
        json.dumps(fault).encode(),
        {"content-type": "application/json"},
    )
    urllib.request.urlopen(request).read()


def converse(model=nova, to=client, messages=hello, **options):
    answer = to.converse(modelId=model, messages=messages, **options)
    return {
        "content": answer["output"]["message"]["content"],
        "stop": answer["stopReason"],
        "usage": answer["usage"],
        "id": answer["ResponseMetadata"]["RequestId"],
    }


def stream(model=nova, messages=hello):
    text = ""
    kinds = []
    for event in client.converse_stream(modelId=model, messages=messages)["stream"]:
        kinds.extend(event)
        text += event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
    return {"text": text, "kinds": sorted(set(kinds))}


def invoke(model, body, to=client):
    return json.loads(to.invoke_model(modelId=model, body=json.dumps(body))["body"].read())


def invoke_stream():
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}]}
    answer = client.invoke_model_with_response_stream(modelId=claude, body=json.dumps(body))
    chunks = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
    return {
        "text": "".join(chunk.get("delta", {}).get("text", "") for chunk in chunks),
        "first": chunks[0]["type"],
        "last": chunks[-1]["type"],
    }


def tool():
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": schema}}}]}
    question = [{"role": "user", "content": [{"text": "The weather in Paris?"}]}]
    message = client.converse(modelId=nova, messages=question, toolConfig=tools)["output"]["message"]
    used = [block["toolUse"] for block in message["content"] if "toolUse" in block]
    found = [
        {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"text": "20 degrees in " + use["input"]["city"]}]}}
        for use in used
    ]
    return converse(messages=[*question, message, {"role": "user", "content": found}], toolConfig=tools)


def failing(exception):
    inject(type="exception", exception=exception)
    try:
        client.converse(modelId=nova, messages=hello)
    except getattr(client.exceptions, exception) as error:
        return {
            "status": error.response["ResponseMetadata"]["HTTPStatusCode"],
            "code": error.response["Error"]["Code"],
        }
    return None


def in_stream():
    inject(type="streamException", exception="ThrottlingException", afterEvents=2)
    return stream()


def paged():
    pages = list(control.get_paginator("list_inference_profiles").paginate(PaginationConfig={"PageSize": 7}))
    return {
        "pages": len(pages) > 1,
        "ids": [profile["inferenceProfileId"] for page in pages for profile in page["inferenceProfileSummaries"]],
    }


call("converse", converse)
call("converse by profile", lambda: converse(claude))
call("converse by ARN", lambda: converse(arn % "us-east-1"))
call("converse in another region", lambda: converse(arn % "us-west-2", runtime("us-west-2")))
call("an ARN of another region", lambda: converse(arn % "us-west-2"))
call("a region that is not served", lambda: converse(to=runtime("ap-south-1")))
call("tool", tool)
call("stream", stream)
call("in stream", in_stream)
call("embedding", lambda: len(invoke(embed, {"inputText": "Hi", "dimensions": 256})["embedding"]))
call("invoke stream", invoke_stream)
call("count tokens", lambda: client.count_tokens(
    modelId=claude[3:], input={"converse": {"messages": hello}})["inputTokens"])
call("guardrail", lambda: client.apply_guardrail(
    guardrailIdentifier="abc123", guardrailVersion="DRAFT", source="INPUT",
    content=[{"text": {"text": "How to make a bomb"}}])["action"])
call("invalid", lambda: converse(messages=[{"role": "user", "content": [{"text": " "}]}]))
call("unknown model", lambda: converse("no.such-model"))
call("wrong key", lambda: converse(to=runtime(aws_access_key_id="AKIAIOSFODNN7OTHER00", aws_secret_access_key="x")))
for exception in [
    "AccessDeniedException", "InternalServerException", "ModelErrorException", "ModelNotReadyException",
    "ModelTimeoutException", "ResourceNotFoundException", "ServiceUnavailableException", "ThrottlingException",
    "ValidationException",
]:
    call(exception, lambda: failing(exception))
call("models", lambda: [
    model["modelId"] for model in control.list_foundation_models(byProvider="Amazon")["modelSummaries"]])
call("model", lambda: control.get_foundation_model(modelIdentifier=nova)["modelDetails"]["modelArn"])
call("profiles", paged)
call("profile", lambda: control.get_inference_profile(
    inferenceProfileIdentifier=arn % "us-east-1")["inferenceProfileId"])
call("unknown profile", lambda: control.get_inference_profile(inferenceProfileIdentifier="us.no.such"))
print(json.dumps(results))
