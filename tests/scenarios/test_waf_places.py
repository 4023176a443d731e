"""@geoLookup and GEO: where an address is, out of a database that the rules name."""

import subprocess

import pytest
from harness.client import request
from harness.gate import binary_path
from harness.origin import response
from harness.places import database

MUNICH = {
    "continent": {"code": "EU"}, "country": {"iso_code": "DE", "names": {"en": "Germany"}}, "subdivisions": [{"iso_code": "BY"}],
    "city": {"names": {"en": "Munich"}}, "postal": {"code": "80331"}, "location": {"latitude": 48.1371, "longitude": 11.5754},
}
PLACES = {"192.0.2.0/24": MUNICH, "0.0.0.0/8": MUNICH, "2001:db8::/32": {"country": {"iso_code": "FR"}, "location": {"metro_code": (16, 501)}}}
RULES = """
SecGeoLookupDb places.mmdb
SecRule REQUEST_HEADERS:X-Address "@geoLookup" "id:1,phase:1,deny,status:403,chain"
SecRule GEO:COUNTRY_CODE "@within DE,AT"
SecRule REQUEST_HEADERS:X-Address "@geoLookup" "id:3,phase:1,redirect:'/%{geo.country_code}.%{GEO.CITY}.%{geo:latitude}.%{geo.dma_code}'"
SecRule &GEO "@eq 0" "id:4,phase:1,redirect:'/nowhere'"
"""
SITE = "site * { to @origin; waf balanced { rules @rules } }"


@pytest.fixture
def start(gate, origin, tmp_path):
    origin.serve(lambda got, connection: response(b"not judged"))
    path = tmp_path / "places.mmdb"
    path.write_bytes(database(PLACES))

    def make(rules=RULES):
        (tmp_path / "own.conf").write_text(rules)
        return gate(SITE, origin=origin, rules=tmp_path / "own.conf"), path

    return make


def ask(g, address):
    with g.client() as client:
        client.send(request("/", fields=[f"X-Address: {address}"]))
        answer = client.response()
        return answer.status, answer.get("location")


def test_rules_are_told_where_an_address_is(start):
    g, _ = start(RULES.replace('"@within DE,AT"', '"@within AT"'))
    assert ask(g, "192.0.2.77") == (302, "/DE.Munich.48.1371.")
    assert ask(g, "2001:db8::1") == (302, "/FR...501")
    assert ask(g, "::ffff:192.0.2.77") == (302, "/DE.Munich.48.1371.")
    for unknown in ("198.51.100.1", "2001:db9::1", "example.test", "", "192.0.2.77/24", "1", "0x01.2", "1" * 200):
        assert ask(g, unknown) == (302, "/nowhere"), unknown


def test_a_country_is_refused(start):
    g, _ = start()
    assert ask(g, "192.0.2.1")[0] == 403
    record = g.security_log.wait_for(lambda r: r.get("status") == 403)
    assert "GEO:COUNTRY_CODE" in str(record) and "DE" in str(record)
    assert ask(g, "2001:db8::1") == (302, "/FR...501")


def test_every_member_is_a_target(start):
    members = "COUNTRY_CODE COUNTRY_NAME COUNTRY_CONTINENT REGION CITY POSTAL_CODE LATITUDE LONGITUDE".split()
    told = ".".join(f"%{{geo.{m}}}" for m in members)
    g, _ = start(
        "SecGeoLookupDb places.mmdb\nSecRule REQUEST_HEADERS:X-Address \"@geoLookup\" \"id:1,phase:1,pass,nolog\"\n"
        f"SecRule &GEO \"@eq {len(members)}\" \"id:2,phase:1,redirect:'/{told}'\"\n"
    )
    assert ask(g, "192.0.2.1") == (302, "/DE.Germany.EU.BY.Munich.80331.48.1371.11.5754")


def test_a_newer_database_counts_after_a_reload(start, tmp_path):
    g, path = start()
    newer = tmp_path / "newer"
    newer.write_bytes(database({"192.0.2.0/24": {"country": {"iso_code": "IT"}}}, made=2))
    newer.rename(path)
    assert ask(g, "192.0.2.1")[0] == 403, "the old one is still mapped"
    g.reload()
    assert ask(g, "192.0.2.1") == (302, "/IT...")


@pytest.mark.parametrize("content, told", [
    (None, "No such file or directory"),
    (b"GeoIP Legacy or whatever", "metadata"),
    (database(PLACES)[:200], "metadata"),
    (b"", ""),
])
def test_what_is_no_database_is_told_where_it_is_named(tmp_path, content, told):
    if content is not None:
        (tmp_path / "places.mmdb").write_bytes(content)
    (tmp_path / "own.conf").write_text("SecRuleEngine On\nSecGeoLookupDb places.mmdb\n")
    config = tmp_path / "portcullis.conf"
    config.write_text(f"listen 127.0.0.1:0\nsite * {{ respond 200; waf balanced {{ rules {tmp_path}/own.conf }} }}\n")
    done = subprocess.run([binary_path(), "check", config], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f'{tmp_path}/own.conf:2:16: no database of places in "places.mmdb": ' in done.stdout + done.stderr
    assert told in done.stdout + done.stderr


def test_a_database_that_was_cut_off_behind_its_head_harms_nobody(start, tmp_path):
    whole = database(PLACES)
    at = whole.index(b"\xab\xcd\xefMaxMind.com")
    (tmp_path / "places.mmdb").write_bytes(whole[:at - 40] + whole[at:])  # the data is cut
    g, path = start()
    path.write_bytes(whole[:at - 40] + whole[at:])
    g.reload()
    for address in ("192.0.2.1", "2001:db8::1"):
        assert ask(g, address)[0] in (302, 403)
