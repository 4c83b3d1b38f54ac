# What Debian's policy asks of a package beyond what `cmake --install` puts in place, done by CPack to the files that it
# is about to pack: manual pages and changes compressed (12.1, 12.7), and a copyright file (12.5) that has the licences
# of the archives too that are linked into the program.
set(documents ${CPACK_TEMPORARY_DIRECTORY}/usr/share/doc/heaptop)
file(GLOB pages ${CPACK_TEMPORARY_DIRECTORY}/usr/share/man/man1/*.1)
file(RENAME ${documents}/CHANGELOG.md ${documents}/changelog)
# -n: no time within, so that two packages are the same.
execute_process(COMMAND gzip -9n ${pages} ${documents}/changelog COMMAND_ERROR_IS_FATAL ANY)

file(READ ${documents}/LICENSE copyright)
foreach(archive IN LISTS CPACK_HEAPTOP_ARCHIVES)
    execute_process(COMMAND dpkg -S ${archive} OUTPUT_VARIABLE owner ERROR_QUIET)
    string(REGEX REPLACE ":.*" "" owner "${owner}")
    if(owner AND EXISTS /usr/share/doc/${owner}/copyright)
        file(READ /usr/share/doc/${owner}/copyright license)
        string(APPEND copyright "\n\nLinked into the program, from Debian's ${owner}:\n\n${license}")
    else()
        message(WARNING "${archive} is of no package: its licence is not told in the package")
    endif()
endforeach()
file(WRITE ${documents}/copyright "${copyright}")
file(REMOVE ${documents}/LICENSE)
