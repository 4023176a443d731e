#include "waf/detect/sqli.h"

#include "base/test.h"
#include "base/writer.h"
#include "waf/detect/sql_walk.h"
#include "waf/detect/sql_word.h"

#include <ctype.h>
#include <errno.h>

struct finding {
    const char *value, *fingerprint;
};

static int detect(slice value, struct sqli_result *ret)
{
    struct work work;
    work_open(&work, 0, NULL, NULL);
    return sqli_detect(value, ret, &work);
}

TEST(the_words_are_in_order)
{
    for (size_t i = 0; i < sql_word_count; i++) {
        slice text = slice_from(sql_words[i].text);
        assert_ptr_equal(sql_word_find(text), &sql_words[i]);
        if (i > 0)
            assert_true(slice_compare(slice_from(sql_words[i - 1].text), text) < 0);
    }
    assert_null(sql_word_find(SLICE("portcullis")));
    assert_null(sql_word_find(SLICE("a_word_that_is_longer_than_every_word_of_the_table")));
    assert_ptr_equal(sql_word_find(SLICE("SeLeCt")), sql_word_find(SLICE("select")));
}

TEST(fingerprints_are_the_known_ones)
{
    static const struct finding cases[] = {
        { "1 or 1=1", "1&1" },
        { "' or '1'='1", "s&sos" },
        { "admin'--", "sc" },
        { "1' and sleep(5)#", "s&f(1" },
        { "1 union select 1,2,3", "1UE1," },
        { "x' UNION ALL SELECT NULL-- -", "sUEvc" },
        { "1 order by 10", "1B1" },
        { "1) and (1=1", "1)&(1" },
        { "'='", "sos" },
        { "sleep(20)", "f(1)" },
        { "'+sleep(20)+'", "sof(1" },
        { "(select 1 from dual)", "E1kn)" },
        { "1 rlike (select (case when (1=1) then 1 else 0x28 end))", "1o(E(" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct sqli_result result = { .because = NULL };
        if (detect(slice_from(cases[i].value), &result) != 1)
            fail_msg("%s is not found", cases[i].value);
        assert_string_equal(result.fingerprint, cases[i].fingerprint);
        assert_non_null(result.because);
    }
}

/* What is put behind a place that was left. */
static const char *const cores[] = {
    "or 1=1",
    "or 'a'='a'",
    "OR 2>1",
    "and 5 between 1 and 9",
    "and 1 like 1",
    "or not 1=2",
    "or 0x31=0x31",
    "and 1e0=1.0",
    "and true and 1=1",
    "and null is null",
    "xor 1=2",
    "and exists(select 1 from users)",
    "and (select count(*) from users)>0",
    "and ascii(substring((select password from users limit 1),1,1))>64",
    "and sleep(5)",
    "or benchmark(1000000,md5(1))",
    "and 1=(select 1 from pg_sleep(5))",
    "or dbms_pipe.receive_message('a',5)=1",
    "and extractvalue(1,concat(0x7e,version()))",
    "and case when 1=1 then 1 else 0 end",
    "or @@version=1",
    "or 1 in (1)",
    "or `a`.`b`=1 or 1=1",
    "and [a]=1 and 1=1",
    "or (1)=(1)",
    "or 1+1=2",
    "- sleep(5)",
    "union select null,null",
    "union all select 1,user(),3 from dual",
    "union distinct select a,b from information_schema.tables",
    "union select * from users",
    "union (select 1)",
    "union all select concat(a,b),2 from c where d=1",
    "except select 1,2",
    "order by 7",
    "group by 3",
    "having 1=1",
    "rlike (select 1)",
    "limit 1 procedure analyse(1,1)",
    "into outfile '/tmp/x'",
    "; drop table users",
    "; insert into users values(1,2)",
    "; update users set a=1",
    "; delete from users",
    "; exec master..xp_cmdshell 'dir'",
    "; declare @x varchar(9)",
    "; waitfor delay '0:0:5'",
    "; select pg_sleep(5)",
    "; select sleep(5)",
    "; create or replace function x()",
    "waitfor delay '0:0:5'",
    "in (select 1 from users)",
    "&& 1=1",
};

static const char *const prefixes[] = { "1 ",    "-1 ",  "1) ",   "1)) ",  "x' ",  "x') ",
                                        "x')) ", "x\" ", "x\") ", "x` ",   "' ",   "\" ",
                                        "1] ",   "1.5 ", "%' ",   "a b' ", "\\' ", "\xbf' " };
static const char *const suffixes[] = { "", "-- -", "#", "-- abcd", "/*" };
static const char *const spaces[] = { " ",     "\t",       "\n",     "\r\n", "/**/",
                                      "/*x*/", "\x0b\x0c", "-- x\n", "#y\n", "\xa0" };

static slice render(struct writer *w, const char *const parts[3], const char *space, bool upper)
{
    for (unsigned i = 0; i < 3; i++)
        for (const char *c = parts[i]; *c; c++) {
            if (*c == ' ' && i < 2)
                writer_text(w, space);
            else
                writer_byte(w, upper ? (char)toupper((unsigned char)*c) : *c);
        }
    return writer_slice(w);
}

/* A place that only one dialect leaves with a comment that only the other has; code in brackets,
 * which goes on in the same way. */
static bool clashes(const char *prefix, const char *core, const char *suffix, const char *space)
{
    bool is_ansi = prefix[0] == '\\', has_hash = space[0] == '#' || suffix[0] == '#';
    bool is_order = core[0] == 'g' || strncmp(core, "order", 5) == 0;
    return (is_ansi && has_hash) || (is_order && strcmp(prefix, "1] ") == 0);
}

/* The same attack in every place, with every kind of white space, in both cases. */
TEST(attacks_are_found_however_they_are_written)
{
    char memory[512];
    unsigned count = 0;
    for (size_t core = 0; core < ARRAY_LENGTH(cores); core++)
        for (size_t prefix = 0; prefix < ARRAY_LENGTH(prefixes); prefix++)
            for (size_t suffix = 0; suffix < ARRAY_LENGTH(suffixes); suffix++)
                for (size_t space = 0; space < ARRAY_LENGTH(spaces); space++) {
                    if (clashes(prefixes[prefix], cores[core], suffixes[suffix], spaces[space]))
                        continue;
                    struct writer w = writer_over(memory, sizeof memory);
                    const char *parts[] = { prefixes[prefix], cores[core], suffixes[suffix] };
                    slice value = render(&w, parts, spaces[space], (space + core) % 2);
                    assert_false(w.overflowed);
                    struct sqli_result result;
                    if (detect(value, &result) != 1)
                        print_error("%.*s is not found\n", SLICE_ARGUMENTS(value)), count++;
                }
    assert_int_equal(count, 0);
}

/* As people who attack write them. */
static const char *const attacks[] = {
    "' or 1=1",
    "' or 1=1--",
    "' or 1=1#",
    "' or 1=1/*",
    "\" or 1=1--",
    "' or '1'='1",
    "' or 'a'='a",
    "\" or \"a\"=\"a",
    "') or ('a'='a",
    "\")) or ((\"a\"=\"a",
    "' or 'x'='x'#",
    "' or ''='",
    "' or 1 --",
    "' or true--",
    "' or true #",
    "'or'1",
    "'='",
    "'-'",
    "'*'",
    "'^'",
    "'='' or '",
    "' like '",
    "'||'a'='a",
    "x' or y='z",
    "admin'--",
    "admin' --",
    "admin' -- -",
    "admin'#",
    "admin'/*",
    "admin') --",
    "admin' or 1=1#",
    "admin\" or \"1\"=\"1\"#",
    "1 or 1=1",
    "1 or 1",
    "1 or true",
    "1 or 1 like 1",
    "1 or 1 in (1)",
    "1or 1=1",
    "1'or'1'='1",
    "1/**/or/**/1=1",
    "1 && 1=1",
    "1 || 1=1",
    "1||1=1#",
    "or 1=1",
    "or 1=1--",
    "|| 1=1",
    "foo or 1=1",
    "foo) or (1=1",
    ") or (1=1",
    ") or 1=1--",
    "1) or (1=1",
    "1 and 1=2",
    "1 and 'a'='b'",
    "1 and 0x41=0x41",
    "1 and 1>0",
    "1 and 1<>2",
    "1 and 1!=2",
    "1 and 1<=>1",
    "1 AND 2>1",
    "1 and 1<2 and 2>1",
    "1) and 1<2 and (2>1",
    "1' and 2>1 --",
    "1' and 1<2 and 2>1 --",
    "1=1 or 2=2--",
    "' or '1'='1 ",
    "' or 'a b'='a b",
    "1 and not 1=2",
    "1 and (1)=(1)",
    "1 and ascii('a')=97",
    "1 and length(database())>1",
    "1 and (select 1)=1",
    "1 and (select count(*) from users)>0",
    "1 and exists(select * from users)",
    "1 and if(1=1,sleep(5),0)",
    "1 and @@version>5",
    "1 and substring(@@version,1,1)=5",
    "1 and char(65)=char(65)",
    "1 and 1 between 0 and 2",
    "1-sleep(5)",
    "1*sleep(5)",
    "1+sleep(5)",
    "sleep(5)",
    "sleep(5)#",
    "benchmark(10000000,md5(1))",
    "pg_sleep(5)",
    "if(now()=sysdate(),sleep(5),0)",
    "'+sleep(5)+'",
    "'||pg_sleep(5)||'",
    "'xor(if(now()=sysdate(),sleep(5),0))xor'",
    "\"xor(if(now()=sysdate(),sleep(5),0))xor\"",
    "(select(0)from(select(sleep(5)))v)",
    "(select*from(select(sleep(5)))a)",
    "' and (select*from(select(sleep(5)))x)-- -",
    "' and extractvalue(1,concat(0x7e,version()))-- -",
    "' and updatexml(1,concat(0x7e,user()),1)#",
    ("1 and (select 1 from(select count(*),concat(version(),floor(rand(0)*2))x from "
     "information_schema.tables group by x)a)"),
    "1 union select 1",
    "1 union select 1,2,3",
    "1 union all select null",
    "1 union select null,null#",
    "1 union select * from users",
    "1 union(select 1,2)",
    "1/**/union/**/select/**/1",
    "1 /*!union*/ /*!select*/ 1,2",
    "1 /*!50000union*/ /*!50000select*/ 1,2",
    "1/*!50000union*//*!50000all*//*!50000select*/1",
    "-1 union select @@version",
    "-1' union select user(),database()-- -",
    "' union select 1,2,3 from dual--",
    "' union all select username,password from users--",
    "' union select null,table_name from information_schema.tables#",
    "' union values(1,2)--",
    "') union select 1--",
    "1 union select load_file('/etc/passwd')",
    "1 union select 1 into outfile '/tmp/x'",
    "' into outfile '/var/www/x.php'--",
    "' into dumpfile '/tmp/x'#",
    "1.0union select 1",
    "1e0union select 1",
    "0x1union select 1",
    "1d union select 1",
    "union select 1,2,3--",
    "union all select null,null--",
    "1 order by 1",
    "1 order by 10--",
    "' order by 5-- -",
    "' order by 5#",
    "1 group by 1",
    "' group by x having 1=1--",
    "' having 1=1--",
    "1 having 1=1",
    "1 limit 1,1 procedure analyse(1)",
    "1 procedure analyse(extractvalue(1,concat(0x3a,version())),1)",
    "1; drop table users",
    "1; drop table users--",
    "1; drop database x",
    "1;select sleep(5)",
    "1;select pg_sleep(5)--",
    "1; exec xp_cmdshell 'dir'",
    "1; exec master..xp_cmdshell 'dir'",
    "1; exec sp_configure 'show advanced options',1",
    "1; execute('sel'+'ect 1')",
    "1; shutdown--",
    "1; shutdown with nowait",
    "'; drop table users--",
    "'; drop table users; --",
    "\"; drop table users--",
    "'); drop table users--",
    "'; insert into users values('a','b')--",
    "'; update users set password='x'--",
    "'; delete from users--",
    "'; exec xp_cmdshell 'ping 1.1.1.1'--",
    "'; exec master.dbo.xp_dirtree '\\\\x\\y'--",
    "'; declare @q varchar(99);set @q=0x41;exec(@q)--",
    "'; waitfor delay '0:0:5'--",
    "' waitfor delay '0:0:5'--",
    "1 waitfor delay '0:0:5'--",
    "1;waitfor delay '0:0:5'",
    "'; shutdown--",
    "'; truncate table users--",
    "'; create user x identified by 'y'--",
    "'; grant all on x--",
    "'; copy x--",
    "';--",
    "' ;--",
    "'; if (1=1) waitfor delay '0:0:5'--",
    "1; if (1=1) waitfor delay '0:0:5'--",
    "1;begin dbms_lock.sleep(5); end;",
    "1;call dbms_lock.sleep(5)",
    "'||(select 1 from dual)||'",
    "'||utl_http.request('http://x')||'",
    "'||dbms_pipe.receive_message('a',5)||'",
    "' and 1=utl_inaddr.get_host_address('x')--",
    "' and 1=ctxsys.drithsx.sn(1,(select 1 from dual))--",
    "' or 1=dbms_ldap.init('x',1)--",
    "1 and 1=cast((select version()) as int)",
    "1 and 1=convert(int,@@version)",
    "' and 1=convert(int,(select top 1 name from sysobjects))--",
    "' and 1=(select top 1 name from sysobjects)--",
    "1 rlike (select (case when (1=1) then 1 else 0x28 end))",
    "' rlike (select 1)#",
    "' regexp '^a",
    "(select (case when (1=1) then 1 else 2 end))",
    "(case when 1=1 then 1 else 2 end)",
    "1 and case when 1=1 then 1 end",
    "1 and make_set(1=1,1)",
    "1 and elt(1=1,1)",
    "1 and row(1,1)>(select count(*),1 from x)",
    "1 and json_keys((select 1))",
    "1 and gtid_subset(version(),1)",
    "1 and exp(~(select 1))",
    "1,(select 1 from dual)",
    "1,extractvalue(1,concat(0x7e,version()))",
    "1 in (select 1)",
    "1] or 1=1",
    "x]-(select 0 where 1=1 and sleep(5))|[x",
    "1` or 1=1#",
    "x` where 1=1 and sleep(5)#",
    "1' in boolean mode) and 1=1#",
    "1%' and 1=1 and '%'='",
    "1%') or 1=1 -- x",
    "\\' or 1=1#",
    "\\' or 1=1--",
    "\\\" or 1=1#",
    "2010-01-01'+sleep(20.to_i)+'",
    "unittests@example.org\" sleep(10.to_i) \"",
    "\" | type %SystemDrive%\\config.ini | \"",
    "/post/foo/24'union all select 1,2,3 from aa/bar",
    "/post/*/*/2 union all/bar",
    "foo')waitfor delay'5:0:20'--",
    "-1839\" or \"1\"=\"2",
    "x' and email is null; --",
    "x' and 1=(select count(*) from tabname); --",
    "x' or full_name like '%bob%",
    "x'; insert into members ('email') values ('x'); --",
    "23 or 1=1; --",
    "' or 1=1 limit 1 -- -+",
    "' or 1=1 order by 2 desc--",
    "1' or 1=1 or ''='",
    "' or sleep(5)='",
    "' or benchmark(1,md5(1)) or '",
    "' and sleep(5) and '1'='1",
    "' procedure analyse(1)#",
    "1 or pg_sleep(5)--",
    "1) or pg_sleep(5)--",
    "' and (select pg_sleep(5)) is null--",
    "1 and like('abc',upper(hex(randomblob(1))))",
    "' and 1=load_extension('x')--",
    "' and 1=like('a','b')--",
    "1;pragma table_info(x)",
    "'::text||(select 1)||'",
    "1::int or 1=1",
    "1 or {d '2020-01-01'}={d '2020-01-01'}",
    "' or 1={fn length('a')}--",
    "x' or n'a'=n'a",
    "x' or 0b1=0b1--",
    "x' or binary 'a'='a'--",
    "x' or .1=.1--",
    "x' or 1.=1.--",
    "x' or -1=-1--",
    "x' or !0=1#",
    "x' or ~1=~1--",
    "x' or 1=1 --",
};

TEST(known_attacks_are_found)
{
    unsigned missed = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(attacks); i++)
        if (detect(slice_from(attacks[i]), NULL) != 1)
            print_error("%s is not found\n", attacks[i]), missed++;
    assert_int_equal(missed, 0);
}

static bool walk_finds(slice value)
{
    for (int is_mysql = 0; is_mysql <= 1; is_mysql++) {
        struct sql_walk walk;
        struct work work;
        work_open(&work, 0, NULL, NULL);
        assert_int_equal(sql_walk(&walk, value, SQL_PLACE_PLAIN, is_mysql, &work), 0);
        if (walk.because)
            return true;
    }
    return false;
}

/* Every value of up to five of these pieces: the glance says no only where the walk does. */
TEST(what_looks_like_a_name_is_none_for_the_walk_either)
{
    static const char *const pieces[] = { "a",    "or",   "1",      "0x1", ".", "e", "_", "select",
                                          "true", "like", "sleep1", "1e1", "n", "$", " ", "=" };
    enum { COUNT = ARRAY_LENGTH(pieces), PIECES_MAX = 5 };
    size_t found = 0;
    for (unsigned count = 1, all = COUNT; count <= PIECES_MAX; count++, all *= COUNT)
        for (unsigned number = 0; number < all; number += count < PIECES_MAX ? 1 : 7) {
            char text[64];
            struct writer w = writer_over(text, sizeof text);
            for (unsigned i = 0, rest = number; i < count; i++, rest /= COUNT)
                writer_slice_add(&w, slice_from(pieces[rest % COUNT]));
            bool is_found = walk_finds(writer_slice(&w));
            found += is_found;
            if (is_found && detect(writer_slice(&w), NULL) != 1)
                fail_msg("%.*s is not found", (int)writer_slice(&w).len, text);
        }
    assert_in_range(found, 20, SIZE_MAX);
}

TEST(the_work_is_accounted_and_bounded)
{
    char value[4096];
    struct work work;
    memset(value, '(', sizeof value);
    work_open(&work, 0, NULL, NULL);
    assert_int_equal(sqli_detect(slice_of(value, sizeof value), NULL, &work), 0);
    assert_true(work_spent(&work) >= sizeof value);
    work_open(&work, 1, NULL, NULL);
    work.until_pause = 1;
    assert_int_equal(sqli_detect(slice_of(value, sizeof value), NULL, &work), -EDQUOT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_are_in_order),
        cmocka_unit_test(fingerprints_are_the_known_ones),
        cmocka_unit_test(attacks_are_found_however_they_are_written),
        cmocka_unit_test(known_attacks_are_found),
        cmocka_unit_test(what_looks_like_a_name_is_none_for_the_walk_either),
        cmocka_unit_test(the_work_is_accounted_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
