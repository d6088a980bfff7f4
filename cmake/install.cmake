# SPDX-License-Identifier: BSD-3-Clause
# What `make install` puts where. The programs install themselves
# (llp_program); here are the pages that describe them.
include(GNUInstallDirs)

file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/*.[1-8])
foreach(page ${pages})
  get_filename_component(section ${page} LAST_EXT)
  string(SUBSTRING ${section} 1 -1 section)
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
