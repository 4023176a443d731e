#include "proxy/grpc.h"

#include <errno.h>

#include "proxy/client.h"
#include "proxy/deliver.h"
#include "wire/grpc.h"

bool exchange_is_grpc(const struct exchange *x)
{
    const struct field *type = fields_find(&x->request.fields, FIELD_CONTENT_TYPE);
    return x->request.method == METHOD_POST && type && grpc_is_content_type(type->value);
}

bool exchange_is_long_call(const struct exchange *x)
{
    const struct target_settings *target = exchange_block(x, FEATURE_TARGET);
    return target->origin && target->origin->is_grpc && exchange_is_grpc(x);
}

int grpc_apply_deadline(struct exchange *x)
{
    int64_t timeout_ms;
    if (!exchange_is_grpc(x))
        return 0;
    const struct field *timeout = fields_find_name(&x->request.fields, SLICE("grpc-timeout"));
    if (!timeout)
        return 0;
    if (grpc_timeout_parse(timeout->value, &timeout_ms) != 0)
        return exchange_refuse(x, FAULT_CLIENT, 400, "grpc.timeout",
                               "grpc-timeout is not a number of at most eight digits with a unit");
    int64_t deadline_ms = loop_now_ms() + timeout_ms;
    x->has_call_deadline = deadline_ms < x->deadline_ms;
    if (x->has_call_deadline)
        x->deadline_ms = deadline_ms;
    return 0;
}

static enum grpc_status status_of(const struct failure *f)
{
    /* our own deadline is the call's: its client would say the same */
    if (slice_equal(slice_from(f->reason), SLICE("grpc.deadline")))
        return GRPC_DEADLINE_EXCEEDED;
    return grpc_status_of(f->status);
}

int grpc_refuse(struct exchange *x)
{
    enum { NUMBER_BYTES = 8, MESSAGE_BYTES = 160 };
    char *memory = arena_take(&x->arena, NUMBER_BYTES + MESSAGE_BYTES);
    if (!memory)
        return -ENOMEM;
    struct writer number = writer_over(memory, NUMBER_BYTES);
    struct writer message = writer_over(memory + NUMBER_BYTES, MESSAGE_BYTES);
    writer_decimal(&number, (uint64_t)status_of(&x->failure));
    /* what every stranger may know, as on our pages */
    grpc_message_write(&message, status_phrase(x->failure.status));
    writer_literal(&message, " (request ");
    grpc_message_write(&message, x->request_id);
    writer_byte(&message, ')');
    answer_begin(x, 200);
    TRY(answer_add(x, SLICE("Content-Type"), SLICE("application/grpc")));
    TRY(answer_add(x, SLICE("grpc-status"), writer_slice(&number)));
    return answer_add(x, SLICE("grpc-message"), writer_slice(&message));
}
