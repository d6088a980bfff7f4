# SPDX-License-Identifier: BSD-3-Clause
# What `make install` puts where.
include(GNUInstallDirs)

foreach(program llpdrv llpd llpsim llpreplay llpattach llpctl)
  if(TARGET ${program})
    install(TARGETS ${program})
  endif()
endforeach()

# Where Wireshark looks, if it has the same prefix.
install(FILES ${PROJECT_SOURCE_DIR}/tools/wireshark/llp.lua DESTINATION ${CMAKE_INSTALL_LIBDIR}/wireshark/plugins)

file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/*.[1-8])
foreach(page ${pages})
  get_filename_component(section ${page} LAST_EXT)
  string(SUBSTRING ${section} 1 -1 section)
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/examples ${PROJECT_SOURCE_DIR}/docs/grafana
  DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md"
  PATTERN examples EXCLUDE PATTERN grafana EXCLUDE PATTERN ABI EXCLUDE)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/tests/captures DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.capture")

# Where systemd, udev and the shells look, beneath /usr and /usr/local alike.
foreach(unit llpd.service llp-attach@.service)
  # The prefix is known when it is installed.
  install(CODE "set(BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    configure_file(\"${PROJECT_SOURCE_DIR}/udev/${unit}.in\" \"${PROJECT_BINARY_DIR}/udev/${unit}\" @ONLY)")
  install(FILES ${PROJECT_BINARY_DIR}/udev/${unit} DESTINATION lib/systemd/system)
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/udev/60-llp.rules ${PROJECT_SOURCE_DIR}/udev/90-llp-attach.rules
  DESTINATION lib/udev/rules.d)
install(FILES ${PROJECT_SOURCE_DIR}/udev/llpd-dist@.socket DESTINATION lib/systemd/system)
install(FILES ${PROJECT_SOURCE_DIR}/udev/llp.logrotate DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${PROJECT_SOURCE_DIR}/udev/llp.sysusers DESTINATION lib/sysusers.d RENAME llp.conf)
install(FILES ${PROJECT_SOURCE_DIR}/udev/llp.tmpfiles DESTINATION lib/tmpfiles.d RENAME llp.conf)
install(FILES ${PROJECT_SOURCE_DIR}/udev/llp.catalog DESTINATION lib/systemd/catalog)
if(TARGET llpctl)
  install(FILES ${PROJECT_BINARY_DIR}/completion/llpctl DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${PROJECT_BINARY_DIR}/completion/_llpctl DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endif()
