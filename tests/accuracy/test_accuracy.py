"""The tool that measures accuracy: its sets are what they say, its carriers carry, its figures add up."""

import base64
import collections
import json
import pathlib
import sys
import urllib.parse
import xml.etree.ElementTree

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import attack_sets
import carriers
import clean_sets
import engines
import figures

PAYLOADS = [b"1' OR '1'='1", b"<script>alert(1)</script>", b"a\r\nb\0c", "naïve 日本".encode(), b"50% & more"]
FORMS = {(form.encoding, form.carrier): form for form in (*carriers.ATTACK_FORMS, *carriers.CLEAN_FORMS)}


def field(request, name):
    return dict(engines.split(request)[3])[name]


def value_carried(carrier, request):
    """What an application would read out of a request, for the carriers that keep every byte."""
    _, target, _, _, body = engines.split(request)
    if carrier == "query":
        return urllib.parse.unquote_to_bytes(target.partition(b"q=")[2])
    if carrier == "form":
        return urllib.parse.unquote_to_bytes(body.split(b"comment=")[1].split(b"&")[0])
    if carrier == "cookie":
        return urllib.parse.unquote_to_bytes(field(request, b"Cookie").partition(b"filter=")[2])
    if carrier == "multipart":
        return body.split(b'"comment"\r\n\r\n')[1].split(b"\r\n--" + carriers.BOUNDARY)[0]
    if carrier == "text/plain":
        return body
    found = json.loads(body if carrier != "ndjson" else body.splitlines()[1])
    return (found.get("data") or found)["comment"].encode()


@pytest.mark.parametrize("carrier", ["query", "form", "cookie", "multipart", "text/plain", "JSON",
                                     "JSON, escaped", "ndjson"])
def test_what_goes_into_a_carrier_comes_out_of_it(carrier):
    for payload in PAYLOADS:
        assert value_carried(carrier, FORMS["plain", carrier].request(payload)) == payload


def test_xml_is_well_formed_and_carries_what_xml_may_carry():
    for payload in PAYLOADS:
        wanted = payload.decode().replace("\0", "")
        root = xml.etree.ElementTree.fromstring(engines.split(FORMS["plain", "XML text"].request(payload))[4])
        assert root.findtext("comment") == wanted
        root = xml.etree.ElementTree.fromstring(
            engines.split(FORMS["plain", "XML attribute"].request(payload))[4])
        assert root.find("item").get("note") == wanted


def test_a_field_never_holds_a_control_byte():
    for payload in PAYLOADS:
        for carrier in ("header", "Referer", "cookie"):
            head = FORMS["plain", carrier].request(payload).partition(b"\r\n\r\n")[0]
            assert not any(byte < 32 for line in head.split(b"\r\n") for byte in line)


def test_encodings_are_undone_by_what_applications_use():
    for payload in PAYLOADS:
        twice = value_carried("query", FORMS["url twice", "query"].request(payload))
        assert urllib.parse.unquote_to_bytes(twice) == payload
        bare = value_carried("form", FORMS["base64 without padding", "form"].request(payload))
        assert b"=" not in bare and base64.b64decode(bare + b"=" * (-len(bare) % 4)) == payload
    assert carriers.unicode_escapes("a' é".encode()) == b"a%u0027%u0020%u00e9"


def test_bodies_have_their_length():
    for form in FORMS.values():
        request = form.request(b"x' y")
        body = engines.split(request)[4]
        if request.startswith(b"POST"):
            assert int(field(request, b"Content-Length")) == len(body) > 0


def test_lists_by_hand_have_sections_and_no_line_twice():
    for values, sections in ((attack_sets.own(), 13), (clean_sets.own(), 5)):
        assert len({value.kind for value in values}) == sections
        double = [line for line, n in collections.Counter(value.data for value in values).items() if n > 1]
        assert double == []
    assert b"x\r\nSet-Cookie: admin=1" in {value.data for value in attack_sets.own()}


def test_sqlmap_puts_each_test_into_a_boundary_that_is_for_it(tmp_path):
    (tmp_path / "payloads").mkdir()
    (tmp_path / "boundaries.xml").write_text(
        "<root><boundary><clause>1</clause><where>1</where><prefix>')</prefix><suffix> AND ('a'='a</suffix>"
        "</boundary><boundary><clause>3</clause><where>1</where><prefix>)</prefix></boundary></root>")
    (tmp_path / "payloads" / "a.xml").write_text(
        "<root><test><clause>1</clause><where>1</where><request><payload>AND [RANDNUM]=[RANDNUM]</payload>"
        "</request></test><test><clause>3</clause><where>3</where><request><payload>(SELECT [RANDSTR])"
        "</payload></request></test><test><clause>1</clause><where>1</where><vector>[UNION]</vector>"
        "<request><payload/><comment>--</comment></request></test></root>")
    assert [value.data for value in attack_sets.sqlmap(tmp_path)] == [
        b"1') AND 4821=4821 AND ('a'='a", b"(SELECT qzkw)", b"1') UNION ALL SELECT NULL,NULL,NULL--"]
    assert attack_sets.sqlmap(tmp_path / "absent") == []


def test_wapiti_s_words_are_filled_in_and_its_lists_sorted_into_classes(tmp_path):
    (tmp_path / "execPayloads.txt").write_text("[VALUE][LF]env;\na;exit(md5('x'));//\nenv\n")
    (tmp_path / "blindSQLPayloads.txt").write_text("1[TAB]or[TAB]sleep([TIME])#1\n")
    (tmp_path / "fileHandlingPayloads.ini").write_text(
        "[a]\npayload = [EXTERNAL_ENDPOINT]e.php\n[b]\npayload = /etc/passwd\\0\n")
    (tmp_path / "xssPayloads.ini").write_text("[a]\npayload = <b>\n")
    (tmp_path / "xxePayloads.ini").write_text("[a]\nrules = none\n")
    found = [(value.kind, value.data) for value in attack_sets.wapiti(tmp_path)]
    assert found == [("shell", b"shoes\nenv;"), ("php", b"a;exit(md5('x'));//"), ("sqli", b"1\tor\tsleep(6)#1"),
                     ("remote", b"http://evil.example/e.php"), ("traversal", b"/etc/passwd\0"), ("xss", b"<b>")]


def test_manual_pages_lose_their_requests_but_not_their_text():
    page = '.TH X 1\n.SH NAME\nx \\- does \\fBmuch\\fR\n.PP\nA second\n.br\nparagraph \\(aq.\n'
    text = clean_sets.man_text(page)
    assert "x - does much" in text and ".SH" not in text and "A second\nparagraph" in text


def test_the_same_values_give_the_same_requests_and_all_forms_their_turn():
    attacks, clean = attack_sets.own(), clean_sets.own()
    first, second = (list(carriers.samples(attacks, clean, 4)) for _ in range(2))
    assert first == second
    assert len({(s.encoding, s.carrier) for s in first if s.is_attack}) == len(carriers.ATTACK_FORMS) + 1
    assert all(s.carrier == "XML body" for s in first if s.kind == "xxe")
    assert {s.carrier for s in first if not s.is_attack} == {form.carrier for form in carriers.CLEAN_FORMS}


def sample(is_attack, kind="a"):
    return carriers.Sample(is_attack, kind, "own", "plain", "form", b"")


def verdicts(*refused):
    return [engines.Verdict(bool(one), (949110, 7) if one else ()) for one in refused]


def test_figures_are_the_shares_of_what_was_refused():
    samples = [sample(True), sample(True), sample(True, "b"), sample(True, "b"), sample(False), sample(False)]
    judged = verdicts(1, 1, 1, 0, 1, 0)
    assert figures.balanced(samples, judged) == (0.75, 0.5, 0.625)
    assert figures.culprits(samples, judged) == [(7, 1)]
    text = figures.markdown(samples, {"x": judged})
    assert "| x |    75.0 % |          50.0 % |            62.5 % |" in text
    assert "| b    |        2 |  50.0 % |" in text
    with pytest.raises(ValueError):
        figures.balanced(samples[:2], judged[:2])
    with pytest.raises(ValueError):
        figures.balanced(samples, judged[:2])


def test_what_was_refused_for_the_type_of_its_body_alone_is_told_apart():
    samples = [sample(True), sample(True), sample(False), sample(False)]
    judged = [engines.Verdict(True, (920420, 949110)), engines.Verdict(True, (920420, 942100, 949110)),
              engines.Verdict(True, (920420, 949110, 980170)), engines.Verdict(False, ())]
    text = figures.summary(samples, {"x": judged})
    assert "100.0 % |          50.0 % |            75.0 % |" in text
    assert "| x, every type of body let in |    50.0 % |           0.0 % |            75.0 % |" in text
    assert "every type" not in figures.summary(samples, {"x": verdicts(1, 1, 1, 0)})


def test_a_line_of_waf_test_is_a_verdict():
    line = {"result": {"decision": {"disposition": "deny", "status": 403}, "matches": [
        {"id": 942100, "logged": True}, {"id": 901340, "logged": False}]}}
    assert engines.verdict_of(line) == engines.Verdict(True, (942100,))
    line["result"]["decision"] = {"disposition": "pass"}
    assert not engines.verdict_of(line).is_refused


RULES = r"""SecRule ARGS:comment "@streq attack" "id:1,phase:2,deny,status:403,t:none,log,msg:'x'"
SecRule REQUEST_HEADERS:X-Search-Filter "@streq attack" "id:2,phase:1,deny,t:none,log,msg:'y'"
"""


def test_libmodsecurity_judges_a_request_as_a_whole(tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "crs-setup.conf").write_text('SecDefaultAction "phase:2,log,pass"\n')
    (tmp_path / "rules" / "a.conf").write_text(RULES)
    try:
        engine = engines.ModSecurity(engines.rule_files(tmp_path, tmp_path))
    except engines.Missing as error:
        pytest.skip(str(error))
    requests = [FORMS["plain", carrier].request(data) for carrier, data in (
        ("form", b"attack"), ("form", b"harmless"), ("header", b"attack"), ("multipart", b"attack"),
        ("header", b"none"))]
    found = engine.verdicts(requests)
    assert [(v.is_refused, v.rules) for v in found] == [
        (True, (1,)), (False, ()), (True, (2,)), (True, (1,)), (False, ())]


def test_a_folder_without_rules_is_named(tmp_path):
    with pytest.raises(engines.Missing, match=str(tmp_path)):
        engines.rule_files(tmp_path, tmp_path)
