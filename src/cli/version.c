#include "version.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "launch.h"

typedef struct build_id {
    char text[64];
} build_id;

/* Copies the linker's id of one object's notes, where it has one. */
static bool read_note(const char *note, size_t size, build_id *id)
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
            for (size_t i = 0; i < header.n_descsz && 2 * i + 2 < sizeof id->text; i++)
                snprintf(id->text + 2 * i, 3, "%02x", (unsigned char)bytes[i]);
            return true;
        }
        note += sizeof header + name + content;
        size -= sizeof header + name + content;
    }
    return false;
}

/* dl_iterate_phdr gives the program itself first. */
static int visit(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        const void *at = (const void *)(uintptr_t)(info->dlpi_addr + header->p_vaddr);
        if (at && header->p_type == PT_NOTE && read_note(at, header->p_memsz, user))
            break;
    }
    return 1;
}

void version_print(void)
{
    build_id id = {.text = "unknown"};
    dl_iterate_phdr(visit, &id);
    printf("fanfold %s\nbuild %.16s\n", FANFOLD_VERSION, id.text);
    const fan_ranks *ranks = NULL;
    if (launch_load_ranks(&ranks, NULL) == FAN_OK)
        printf("MPI: %s\n", ranks->version());
    else
        printf("MPI: not available (libfanfold_mpi does not load)\n");
}
