"""The requests and events that are used or understood here, in the order that gives them their numbers.

Facts of these protocols' descriptions: wayland.xml (MIT), and of wlr-protocols (MIT) wlr-screencopy-unstable-v1,
wlr-virtual-pointer-unstable-v1, wlr-output-management-unstable-v1, wlr-foreign-toplevel-management-unstable-v1,
wlr-data-control-unstable-v1; of virtual-keyboard-unstable-v1 (MIT), which wlroots carries; of wayland-protocols (MIT)
xdg-shell, xdg-decoration-unstable-v1, keyboard-shortcuts-inhibit-unstable-v1, pointer-constraints-unstable-v1,
relative-pointer-unstable-v1, ext-image-capture-source-v1, ext-image-copy-capture-v1.

A line is `>` for a request or `<` for an event, its name, its signature (see `wire`), and for an event that brings a
new object what that is. An interface may be cut off after the last line that is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

_TEXT = """
wl_display
> sync n
> get_registry n
< error ous
< delete_id u

wl_registry
> bind usun
< global usu
< global_remove u

wl_callback
< done u

wl_shm
> create_pool nhi
< format u

wl_shm_pool
> create_buffer niiiiu
> destroy

wl_buffer
> destroy
< release

wl_compositor
> create_surface n

wl_surface
> destroy
> attach oii
> damage iiii
> frame n
> set_opaque_region o
> set_input_region o
> commit
> set_buffer_transform i
> set_buffer_scale i
> damage_buffer iiii
< enter o
< leave o

wl_keyboard
< keymap uhu
< enter uoa
< leave uo
< key uuuu
< modifiers uuuuu
< repeat_info ii

wl_pointer
> set_cursor uoii
< enter uoff
< leave uo
< motion uff
< button uuuu
< axis uuf
< frame
< axis_source u
< axis_stop uu
< axis_discrete ui

xdg_wm_base
> destroy
> create_positioner n
> get_xdg_surface no
> pong u
< ping u

xdg_surface
> destroy
> get_toplevel n
> get_popup noo
> set_window_geometry iiii
> ack_configure u
< configure u

xdg_toplevel
> destroy
> set_parent o
> set_title s
> set_app_id s
> show_window_menu ouii
> move ou
> resize ouu
> set_max_size ii
> set_min_size ii
> set_maximized
> unset_maximized
> set_fullscreen o
> unset_fullscreen
> set_minimized
< configure iia
< close

zxdg_decoration_manager_v1
> destroy
> get_toplevel_decoration no

zxdg_toplevel_decoration_v1
> destroy
> set_mode u
> unset_mode
< configure u

zwp_keyboard_shortcuts_inhibit_manager_v1
> destroy
> inhibit_shortcuts noo

zwp_keyboard_shortcuts_inhibitor_v1
> destroy
< active
< inactive

zwp_pointer_constraints_v1
> destroy
> lock_pointer nooou

zwp_locked_pointer_v1
> destroy
> set_cursor_position_hint ff
> set_region o
< locked
< unlocked

zwp_relative_pointer_manager_v1
> destroy
> get_relative_pointer no

zwp_relative_pointer_v1
> destroy
< relative_motion uuffff

wl_seat
> get_pointer n
> get_keyboard n
< capabilities u
< name s

wl_output
< geometry iiiiissi
< mode uiii
< done
< scale i
< name s
< description s

zwlr_screencopy_manager_v1
> capture_output nio
> capture_output_region nioiiii
> destroy

zwlr_screencopy_frame_v1
> copy o
> destroy
> copy_with_damage o
< buffer uuuu
< flags u
< ready uuu
< failed
< damage uuuu
< linux_dmabuf uuu
< buffer_done

ext_output_image_capture_source_manager_v1
> create_source no
> destroy

ext_image_capture_source_v1
> destroy

ext_image_copy_capture_manager_v1
> create_session nou
> create_pointer_cursor_session noo
> destroy

ext_image_copy_capture_session_v1
> create_frame n
> destroy
< buffer_size uu
< shm_format u
< dmabuf_device a
< dmabuf_format ua
< done
< stopped

ext_image_copy_capture_frame_v1
> destroy
> attach_buffer o
> damage_buffer iiii
> capture
< transform u
< damage iiii
< presentation_time uuu
< ready
< failed u

ext_image_copy_capture_cursor_session_v1
> destroy
> get_capture_session n
< enter
< leave
< position ii
< hotspot ii

zwlr_virtual_pointer_manager_v1
> create_virtual_pointer on

zwlr_virtual_pointer_v1
> motion uff
> motion_absolute uuuuu
> button uuu
> axis uuf
> frame
> axis_source u
> axis_stop uu
> axis_discrete uufi
> destroy

zwp_virtual_keyboard_manager_v1
> create_virtual_keyboard on

zwp_virtual_keyboard_v1
> keymap uhu
> key uuu
> modifiers uuuu
> destroy

zwlr_output_manager_v1
> create_configuration nu
> stop
< head n zwlr_output_head_v1
< done u
< finished

zwlr_output_head_v1
< name s
< description s
< physical_size ii
< mode n zwlr_output_mode_v1
< enabled i
< current_mode o
< position ii
< transform i
< scale f
< finished
< make s
< model s
< serial_number s
< adaptive_sync u

zwlr_output_mode_v1
< size ii
< refresh i
< preferred
< finished

zwlr_output_configuration_v1
> enable_head no
> disable_head o
> apply
> test
> destroy
< succeeded
< failed
< cancelled

zwlr_output_configuration_head_v1
> set_mode o
> set_custom_mode iii

zwlr_foreign_toplevel_manager_v1
> stop
< toplevel n zwlr_foreign_toplevel_handle_v1
< finished

zwlr_foreign_toplevel_handle_v1
> set_maximized
> unset_maximized
> set_minimized
> unset_minimized
> activate o
> close
> set_rectangle oiiii
> destroy
< title s
< app_id s
< output_enter o
< output_leave o
< state a
< done
< closed
< parent o

zwlr_data_control_manager_v1
> create_data_source n
> get_data_device no
> destroy

zwlr_data_control_device_v1
> set_selection o
> destroy
> set_primary_selection o
< data_offer n zwlr_data_control_offer_v1
< selection o
< finished
< primary_selection o

zwlr_data_control_source_v1
> offer s
> destroy
< send sh
< cancelled

zwlr_data_control_offer_v1
> receive sh
> destroy
< offer s
"""


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an event."""

    name: str
    opcode: int
    signature: str
    brings: str = ""
    """The interface of the object that an event brings."""


@dataclass(frozen=True, slots=True)
class Interface:
    """What objects of a kind are asked, and what they tell."""

    name: str
    requests: dict[str, Message]
    events: tuple[Message, ...]


def parse(text: str) -> dict[str, Interface]:
    """Interfaces by name."""
    found = {}
    for block in text.strip().split("\n\n"):
        name, *lines = block.splitlines()
        sides: dict[str, list[Message]] = {">": [], "<": []}
        for line in lines:
            side, word, *rest = line.split()
            signature, brings = ([*rest, "", ""])[:2]
            sides[side].append(Message(word, len(sides[side]), signature, brings))
        found[name] = Interface(name, {message.name: message for message in sides[">"]}, tuple(sides["<"]))
    return found


INTERFACES = parse(_TEXT)
