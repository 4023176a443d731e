/* Lists in the DNS: what @rbl asks the world of the transaction, and what it learns. */
#include <errno.h>

#include "waf/engine/transaction.h"
#include "waf/operators/rbl.h"

enum { QUESTION_STEPS = 1024 };

static int tell(struct waf_transaction *t, const struct list_question *q,
                const struct value_name *name, const uint8_t address[4], struct operator_match *m)
{
    char text[RBL_TEXT_MAX];
    struct writer w = writer_over(text, sizeof text);
    slice where;
    TRY(value_name_text(t, name, &where));
    rbl_describe(&w, q, where, address);
    m->word = arena_copy(t->arena, writer_slice(&w));
    return m->word.ptr ? 1 : -ENOMEM;
}

int list_says(struct waf_transaction *t, slice list, const struct value_name *name, slice value,
              struct operator_match *m)
{
    char memory[RBL_NAME_MAX];
    struct list_question question;
    uint8_t address[4];
    struct waf_lists *lists = t->world.lists;
    TRY(work_spend(t->work, QUESTION_STEPS));
    if (!lists || !rbl_question(list, value, t->rules->directives.list_key, memory, &question))
        return 0;
    int says = lists->find(lists, &question, address);
    if (says <= 0 || !list_address_lists(address))
        return says < 0 ? says : 0;
    return m ? tell(t, &question, name, address, m) : 1;
}
