#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "fanfold/machine.h"

typedef struct search {
    uintptr_t address;
    char *text;
    unsigned long size;
    bool found;
} search;

/* Copies the linker's id out of one object's notes, where it is among them. */
static bool read_notes(const char *note, size_t size, const search *s)
{
    while (size >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) header;
        memcpy(&header, note, sizeof header);
        size_t name = (header.n_namesz + 3U) & ~3U, content = (header.n_descsz + 3U) & ~3U;
        if (size < sizeof header + name + content)
            return false;
        const char *bytes = note + sizeof header + name;
        if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 &&
            memcmp(note + sizeof header, "GNU", 4) == 0) {
            for (size_t i = 0; i < header.n_descsz && 2 * i + 2 < s->size; i++)
                snprintf(s->text + 2 * i, 3, "%02x", (unsigned char)bytes[i]);
            return true;
        }
        note += sizeof header + name + content;
        size -= sizeof header + name + content;
    }
    return false;
}

static bool holds(const struct dl_phdr_info *info, uintptr_t address)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD &&
            address - info->dlpi_addr - header->p_vaddr < header->p_memsz)
            return true;
    }
    return false;
}

/* Ends the walk over the loaded objects at the one that holds the address. */
static int visit(struct dl_phdr_info *info, size_t size, void *user)
{
    search *s = user;
    (void)size;
    if (!holds(info, s->address))
        return 0;
    for (size_t i = 0; i < info->dlpi_phnum && !s->found; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        const void *at = (const void *)(uintptr_t)(info->dlpi_addr + header->p_vaddr);
        s->found = header->p_type == PT_NOTE && read_notes(at, header->p_memsz, s);
    }
    return 1;
}

bool fan_build_id(const void *address, char *text, unsigned long size)
{
    search s = {.address = (uintptr_t)address, .text = text, .size = size};
    dl_iterate_phdr(visit, &s);
    return s.found;
}
