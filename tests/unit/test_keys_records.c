/* The key reader on rows and JSON that take several lines, numbers of any size, and what is damaged
 * among them. */
#include "keys_kit.h"

#include <stdlib.h>

/* ---- Tables ---------------------------------------------------------------------------------- */

FAN_TEST(keys_records, quotes_go_on_over_lines)
{
    keys_expect_log("id,modulus,e\r\n\"one\r\nkey\",1f,3\r\n\"two \"\"lines\"\"\n,\",\"23\",3\n"
                    "\"\n\n\",\"2\nb\",3\nlast,d,\"3\n",
                    16,
                    "2:5:1F:3:one\r\nkey\n4:6:23:3:two \"lines\"\n,\n"
                    "6:0:byte 0x0a where a hexadecimal digit was expected\n"
                    "10:8:quotes that are not closed\n");
    keys_expect_log("n;name\n1f; \"a;b\"\n23;\"c\" \n\"2b\" ;d\n", 16,
                    "2:5:1F:0:a;b\n3:6:23:0:c\n4:6:2B:0:d\n");
}

FAN_TEST(keys_records, headers_with_quotes_and_one_column)
{
    keys_expect_log("\"a,modulus\",\"id, or name\",\"Modulus\" , ID\n1,2,1f,x\n", 16,
                    "2:5:1F:0:x\n");
    keys_expect_log("# moduli\n\nmodulus\n1f\n\"23\"\n", 16, "4:5:1F:0:\n5:6:23:0:\n");
    keys_expect_log("N\r\n31\r\n", 10, "2:5:1F:0:\n");
}

/* A quote that nothing closes costs its row only, wherever the search for its end has stopped. */
FAN_TEST(keys_records, quotes_without_an_end_cost_one_row)
{
    keys_expect_log("id,modulus\nsix\",6\n\"one,7\ntwo,9\nthree,b\n", 16,
                    "2:3:6:0:six\"\n3:1:quotes that are not closed\n4:4:9:0:two\n5:4:B:0:three\n");
    keys_expect_log("id,modulus\n\"one,7\ntwo,9\n\"three\",b\nfour,d\n", 16,
                    "2:1:quotes that are not closed\n3:4:9:0:two\n4:4:B:0:three\n5:4:D:0:four\n");
    keys_expect_log("id,modulus\n\"one\"two,7\nthree,9\n", 16,
                    "2:1:text behind quotes that are closed\n3:4:9:0:three\n");
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fputs("id,modulus\n\"one,7\n", out);
    for (int i = 0; i < 300000; i++) /* more than is gathered, several times, all read */
        fprintf(out, i % 50000 == 7 ? "\"open,7\n" : "r,%x\n", 2 * i + 3);
    fputs("last,9\n", out);
    fclose(out);
    keys_reading r = {0};
    EXPECT_I64(keys_read_bytes(&r, text, size, 16), FAN_OK);
    EXPECT_U64(r.counts.unreadable, 7);
    EXPECT_U64(r.counts.keys, 300000 - 6 + 1);
    EXPECT_CONTAINS(r.log, "\n300003:4:9:0:last\n");
    EXPECT_CONTAINS(r.log, "\n200010:1:quotes that are not closed\n200011:");
    keys_reading_free(&r);
    free(text);
}

FAN_TEST(keys_records, broken_lines_in_quotes)
{
    enum { HUGE = 2000000 };
    char *text = malloc(HUGE + 100);
    static const char head[] = "id,modulus\n\"one,7\ntwo,9\n";
    memcpy(text, head, sizeof head);
    memset(text + sizeof head - 1, 'a', HUGE);
    strcpy(text + sizeof head - 1 + HUGE, "\nfour,d\n");
    keys_expect_log(text, 16,
                    "2:1:quotes that are not closed\n3:4:9:0:two\n"
                    "4:0:a line of more than 1048576 bytes\n5:4:D:0:four\n");
    free(text);
    static const char zero[] = "id,modulus\n\"one,7\nt\0wo,9\n\"three\",b\n";
    keys_reading r = {0};
    EXPECT_I64(keys_read_bytes(&r, zero, sizeof zero - 1, 16), FAN_OK);
    EXPECT_STR(r.log, "2:1:quotes that are not closed\n3:0:a line with a zero byte\n"
                      "4:4:B:0:three\n");
    keys_reading_free(&r);
}

/* As weakkeys writes it: no quotes, but backslashes. */
FAN_TEST(keys_records, a_table_of_our_own)
{
    keys_expect_log("source\tline\tid\tbits\tweakness\tmodulus\n"
                    "f\t1\t\"a\\tb\\n\\r\\\\\\x1b\\\t4\tshared\t1f\n"
                    "f\t2\t 2 \\xzz\t4\tshared\t23\r\n",
                    16, "2:5:1F:0:\"a\tb\n\r\\\x1b\\\n3:6:23:0: 2 xzz\n");
}

/* ---- JSON ------------------------------------------------------------------------------------ */

FAN_TEST(keys_records, json_numbers_of_any_size_are_exact)
{
    keys_expect_log(
        "{\"id\": 123456789012345678901234567890, \"modulus\": 18446744073709551629}\n"
        "{\"id\": -0.10e+5, \"n\": 9223372036854775807 ,\"e\":  340282366920938463463 }\n"
        "{\"id\": 1e999, \"n\": [1, 2], \"modulus\": 35}\n",
        16,
        "1:65:1000000000000000D:0:123456789012345678901234567890\n"
        "2:63:7FFFFFFFFFFFFFFF:340282366920938463463:-0.10e+5\n3:6:23:0:1e999\n");
    keys_expect_log("{\"n\": 1e3}\n{\"n\": -5}\n{\"n\": 1.0}\n{\"n\": [35]}\n"
                    "{\"n\": 35, \"e\": 1.5}\n",
                    16,
                    "1:0:a modulus that is neither a string nor an integer\n"
                    "2:0:a negative number can't be a modulus\n"
                    "3:0:a modulus that is neither a string nor an integer\n"
                    "4:0:a modulus that is neither a string nor an integer\n"
                    "5:0:an exponent that is no number: 1.5\n");
}

/* What no JSON parser takes is not taken because of the numbers in it. */
FAN_TEST(keys_records, json_that_is_none)
{
    static const char *const texts[] = {"{\"n\": 035}", "{\"n\": 35.}",   "{\"n\": .5}",
                                        "{\"n\": +35}", "{\"n\": 35 35}", "{35: 1, \"n\": 35}",
                                        "{\"n\": 1e}",  "{\"n\": - 35}",  "{\"n\": 0x23}",
                                        "{\"n\": 35,}", "{\"n\": tru1}",  "{\"n\": \"23\"1}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        keys_reading r = {0};
        EXPECT_I64(keys_read_bytes(&r, texts[i], strlen(texts[i]), 16), FAN_OK);
        SHIM_CHECK(!strncmp(r.log, "1:", 2) && strstr(r.log, ":no JSON: ") && !r.counts.keys,
                   (void)0, "%s: %s", texts[i], r.log);
        keys_reading_free(&r);
    }
    keys_expect_log("{\"a\": [1, 22, 333], \"b\": x}\n", 16,
                    "1:26:no JSON: invalid token near 'x'\n");
}

FAN_TEST(keys_records, json_over_lines_and_in_arrays)
{
    keys_expect_log(
        "{\n  \"keys\": [\n    {\"kty\": \"RSA\", \"n\": \"Iw\",\n     \"e\": \"Aw\"},\n"
        "    {\"kty\": \"EC\"}\n  ]\n}\n{\"n\": \"1f\", \"id\": \"{[\\\"\"}\n",
        16, "1:6:23:3:\n1:0:not an RSA key: EC\n8:5:1F:0:{[\"\n");
    keys_expect_log("[{\"n\": 35}, {\"n\": 31}]\n[ {\"n\": 33},\n  {\"n\": 39}]\n", 16,
                    "1:6:23:0:\n1:5:1F:0:\n2:6:21:0:\n2:6:27:0:\n");
    keys_expect_log("[\n  {\"n\": 35},\n  {\n    \"n\": 31\n  } ,\n  {\"n\": 33}\n]\n{\"n\": 39}\n",
                    16, "2:6:23:0:\n3:5:1F:0:\n6:6:21:0:\n8:6:27:0:\n");
    keys_expect_log("{\"n\":\n  x}\n{\"n\": 39}\n", 16,
                    "2:3:no JSON: invalid token near 'x'\n3:6:27:0:\n");
}

FAN_TEST(keys_records, json_without_an_end_costs_one_line)
{
    keys_expect_log("{\"n\": 35\n{\"n\": 31}\n{\"n\": \"2\n{\"n\": 33, \"a\": {\n{\"n\": 39}\n", 16,
                    "1:8:no JSON: '}' expected near end of file\n2:5:1F:0:\n"
                    "3:8:no JSON: premature end of input near '\"2'\n"
                    "4:16:no JSON: string or '}' expected near end of file\n5:6:27:0:\n");
    /* Brackets among other text hide no keys. */
    keys_expect_log("; DNSKEY\n{\n  0x23\n}\n{\n 0x1f\n", 16,
                    "2:1:no JSON: string or '}' expected near end of file\n3:6:23:0:\n"
                    "5:1:no JSON: string or '}' expected near end of file\n6:5:1F:0:\n");
}
