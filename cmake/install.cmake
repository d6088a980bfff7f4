# SPDX-License-Identifier: BSD-3-Clause
# What `make install` puts where.
include(GNUInstallDirs)

foreach(program llpdrv llpd llpsim llpreplay)
  if(TARGET ${program})
    install(TARGETS ${program})
  endif()
endforeach()

file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/*.[1-8])
foreach(page ${pages})
  get_filename_component(section ${page} LAST_EXT)
  string(SUBSTRING ${section} 1 -1 section)
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/examples DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
