/* Shares: read-only data known to every worker by its handle. */
#include <stdlib.h>

#include "base/error.h"
#include "exec/front.h"

/* The entry of an id and the link that points to it. The lock is held. */
static fani_share_entry **find(fani_front *front, uint64_t id)
{
    fani_share_entry **link = &front->shares;
    while (*link && (*link)->share.id != id)
        link = &(*link)->next;
    return link;
}

fan_items fani_front_shared(void *user, uint64_t id)
{
    fani_front *front = user;
    fan_items items = {0};
    pthread_mutex_lock(&front->lock);
    fani_share_entry *entry = *find(front, id);
    if (entry)
        items = (fan_items){.bytes = entry->share.bytes, .size = entry->share.size, .count = 1};
    pthread_mutex_unlock(&front->lock);
    return entry || !front->outer_shared ? items : front->outer_shared(front->outer, id);
}

/* Tells the executor; where it has no share op the workers read the caller's memory. */
static fan_status tell(fani_front *front, const fani_share *share, fan_error *error)
{
    uint64_t sent = 0;
    if (!front->ops->share)
        return FAN_OK;
    pthread_mutex_lock(&front->share_lock);
    fan_status status = front->ops->share(front->self, share, &sent, error);
    pthread_mutex_unlock(&front->share_lock);
    pthread_mutex_lock(&front->lock);
    front->shares_sent += sent;
    pthread_mutex_unlock(&front->lock);
    return status;
}

fan_status fani_front_share_as(fani_front *front, uint64_t id, const void *bytes, size_t size,
                               fan_error *error)
{
    fani_share_entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a share");
    entry->share = (fani_share){.id = id, .bytes = bytes, .size = size};
    fan_status status = tell(front, &entry->share, error);
    if (status != FAN_OK) {
        free(entry);
        return status;
    }
    pthread_mutex_lock(&front->lock);
    entry->next = front->shares;
    front->shares = entry;
    pthread_mutex_unlock(&front->lock);
    return FAN_OK;
}

fan_status fan_share(fan_executor *executor, const void *bytes, size_t size, fan_shared *shared)
{
    if (!executor)
        return FAN_E_UNSUPPORTED;
    if (!shared || (!bytes && size))
        return FAN_E_ARGUMENT;
    fani_front *front = &executor->front;
    pthread_mutex_lock(&front->lock);
    /* A nested front's numbers are no numbers of the executors around it. */
    uint64_t id = ++front->next_share | (front->nested ? UINT64_C(1) << 63 : 0);
    pthread_mutex_unlock(&front->lock);
    if (atomic_load(&front->closing))
        return FAN_E_CLOSED;
    if (!front->opened.submits)
        return FAN_E_RANK;
    fan_status status = fani_front_share_as(front, id, bytes, size, NULL);
    if (status == FAN_OK)
        shared->id = id;
    return status;
}

fan_status fan_unshare(fan_executor *executor, fan_shared shared)
{
    if (!executor)
        return FAN_E_UNSUPPORTED;
    fani_front *front = &executor->front;
    pthread_mutex_lock(&front->lock);
    fani_share_entry **link = find(front, shared.id), *entry = *link;
    if (entry)
        *link = entry->next;
    pthread_mutex_unlock(&front->lock);
    if (!entry)
        return FAN_E_ARGUMENT;
    entry->share.drop = true;
    fan_status status = tell(front, &entry->share, NULL);
    free(entry);
    return status;
}

void fani_front_drop_shares(fani_front *front)
{
    while (front->shares) {
        fani_share_entry *entry = front->shares;
        front->shares = entry->next;
        free(entry);
    }
}
