"""The network card by its manual, where that says more than a real QEMU does."""

from __future__ import annotations

import struct
import zlib

import pytest

from devices.e1000 import E1000
from devices.e1000_driver import RECEIVE_BUFFERS, RECEIVE_RING, SEND_RING
from devices.e1000_transmit import checksum

ICR, ITR, ICS, IMS, RDTR, RADV, TIDV = 0xC0, 0xC4, 0xC8, 0xD0, 0x2820, 0x282C, 0x3820
FRAME = b"\xff" * 6 + bytes(range(6)) + b"\x08\x00" + bytes(range(60))
RXT0, RXO, TXDW, LSC = 0x80, 0x40, 0x01, 0x04
UNIT = 1024


@pytest.fixture
def card() -> E1000:
    card = E1000()
    card.set_up(0, looped=False, tagged=False, strip=False)
    card.outputs.clear()
    return card


def sent(card: E1000) -> list[bytes]:
    return [event[1] for event in card.outputs if isinstance(event, tuple) and event[0] == "sent"]


def test_a_frame_goes_out_and_its_descriptor_is_done(card: E1000) -> None:
    card.send_legacy(FRAME, 0x09, 0)

    assert sent(card) == [FRAME]
    assert card.ram.read(SEND_RING + 12, 1) == b"\x01"
    assert card.get_register(ICR) & TXDW


def test_a_frame_comes_in_with_its_crc(card: E1000) -> None:
    assert card.receive(FRAME)

    stored = card.ram.read(RECEIVE_BUFFERS, len(FRAME) + 4)
    length, status = struct.unpack("<8xH2xB3x", card.ram.read(RECEIVE_RING, 16))
    assert stored == FRAME + zlib.crc32(FRAME).to_bytes(4, "little")
    assert (length, status) == (len(stored), 0x07)
    assert card.get_register(ICR) & RXT0


def test_a_frame_for_somebody_else_is_not_taken(card: E1000) -> None:
    assert not card.receive(b"\x02\0\0\0\0\x07" + FRAME[6:])


def test_the_multicast_table_lets_a_group_in(card: E1000) -> None:
    card.set_register(0x5200, 1)  # hash 0

    assert card.receive(b"\x01" + bytes(5) + FRAME[6:])


def test_without_buffers_a_frame_is_missed(card: E1000) -> None:
    card.set_register(0x2818, 0)

    assert not card.receive(FRAME)
    assert card.get_register(ICR) & RXO
    assert card.get_register(0x4010) == 1


def test_mac_loopback_brings_frames_back() -> None:
    card = E1000()
    card.set_up(0, looped=True, tagged=False, strip=True)

    card.send_legacy(FRAME, 0x09, 0)

    assert sent(card) == []
    assert card.ram.read(RECEIVE_BUFFERS, len(FRAME)) == FRAME


def test_tags_go_in_and_come_off() -> None:
    card = E1000()
    card.set_up(0, looped=False, tagged=True, strip=True)
    card.send_legacy(FRAME, 0x49, 0x123)
    (tagged,) = sent(card)

    card.receive(tagged)

    assert tagged == FRAME[:12] + b"\x81\x00\x01\x23" + FRAME[12:]
    assert card.ram.read(RECEIVE_BUFFERS, len(FRAME)) == FRAME
    assert card.ram.read(RECEIVE_RING + 14, 2) == b"\x23\x01"


def test_a_legacy_descriptor_inserts_a_checksum(card: E1000) -> None:
    card._add(len(FRAME) | 0x0D << 24 | 40 << 16, 14 << 8, 0, FRAME)  # CSO 40, CSS 14

    (frame,) = sent(card)
    assert frame[40:42] == checksum(FRAME[14:]).to_bytes(2)


def test_a_packet_is_cut_into_segments(card: E1000) -> None:
    header = bytearray(54)
    header[12:14], header[14], header[47] = b"\x08\x00", 0x45, 0x19  # PSH, FIN and ACK
    payload = bytes(range(50))

    card.set_context(1, 1, 20, True, len(payload))
    card.send_data(bytes(header) + payload, 0x0D, 3, 0)

    frames = sent(card)
    assert [frame[54:] for frame in frames] == [payload[:20], payload[20:40], payload[40:]]
    assert [frame[47] for frame in frames] == [0x10, 0x10, 0x19]
    assert [int.from_bytes(frame[38:42]) for frame in frames] == [0, 20, 40]
    assert [int.from_bytes(frame[18:20]) for frame in frames] == [0, 1, 2]
    assert [int.from_bytes(frame[16:18]) for frame in frames] == [60, 60, 50]
    assert all(checksum(frame[14:34]) in (0, 0xFFFF) for frame in frames)
    assert card.get_register(0x40F8) == 1


@pytest.mark.parametrize("pieces", [[bytes(range(50))], [bytes(range(7)), b"", bytes(range(7, 50))]])
def test_segments_are_the_same_however_a_packet_is_scattered(card: E1000, pieces: list[bytes]) -> None:
    card.send_cut(1, 1, 20, 0, pieces, 3, 0, True)

    assert [frame[54:] for frame in sent(card)] == [bytes(range(20)), bytes(range(20, 40)), bytes(range(40, 50))]
    assert all(checksum(frame[14:34]) in (0, 0xFFFF) for frame in sent(card))


def test_a_packet_waits_for_the_descriptor_that_ends_it(card: E1000) -> None:
    card.send_cut(0, 1, 20, 0, [bytes(45)], 0, 0x123, False)

    assert len(sent(card)) == 2
    assert (card.size, card.segments, card.tag, card.header[23]) == (42 + 5, 2, 0x10123, 6)
    assert sent(card)[0][12:16] == b"\x81\x00\x01\x23"


def test_a_tag_comes_with_the_first_descriptor_of_a_legacy_packet(card: E1000) -> None:
    card.begin_tagged(FRAME, 0x123)
    card.send_legacy(b"more", 0x09, 0)

    assert sent(card) == [FRAME[:12] + b"\x81\x00\x01\x23" + FRAME[12:] + b"more"]


def test_both_contexts_are_kept(card: E1000) -> None:
    card.set_contexts(1, 40, 60, 9, False)

    assert (card.checksums.tucse, card.checksums.hdr_len, card.segmentation.hdr_len, card.apart) == (60, 48, 54, 1)


def test_a_buffer_beyond_memory_adds_nothing(card: E1000) -> None:
    card.send_data(FRAME, 0x08, 0, 0)
    card._put(struct.pack("<QIHH", 1 << 40, 0xFFFFF | 1 << 20 | 0x29 << 24, 0, 0))

    assert sent(card) == [FRAME]


def test_a_driver_that_hears_late_finds_its_rings_set_up() -> None:
    card = E1000()
    stored = card.receive_late(FRAME, 10, 0)
    card.send_late(FRAME, 20, 0)
    waiting = card.icr & (RXT0 | TXDW)

    card.clock.advance(15 * UNIT)

    assert (stored, waiting, card.icr & (RXT0 | TXDW)) == (True, 0, RXT0)


def test_rdtr_delays_and_radv_limits(card: E1000) -> None:
    card.set_register(RDTR, 100)
    card.set_register(RADV, 150)
    early = []
    for _ in range(2):
        card.receive(FRAME)
        card.clock.advance(80 * UNIT)
        early.append(card.icr & RXT0)
    assert early == [0, RXT0]  # 160 units after the first frame, 80 after the last one


def test_a_descriptor_with_ide_waits_for_tidv(card: E1000) -> None:
    card.set_register(TIDV, 10)
    card.send_legacy(FRAME, 0x89, 0)
    waiting = card.icr & TXDW

    card.clock.advance(10 * UNIT)

    assert (waiting, card.icr & TXDW) == (0, TXDW)


def test_itr_keeps_interrupts_apart(card: E1000) -> None:
    card.set_register(ITR, 100)
    card.set_register(IMS, LSC)
    card.set_register(ICS, LSC)
    levels = [card.interrupt.level]
    card.get_register(ICR)
    card.set_register(ICS, LSC)
    levels.append(card.interrupt.level)

    card.clock.advance(100 * 256)

    assert [*levels, card.interrupt.level] == [1, 0, 1]


def test_a_software_reset_leaves_the_phy_alone(card: E1000) -> None:
    card.use_phy(4, 0x1234, True)

    card.set_register(0, 0x0400_0000)

    assert card.rctl == 0
    assert card.use_phy(4, 0, False) & 0xFFFF == 0x1234


def test_a_1_clears_its_cause(card: E1000) -> None:
    card.set_register(ICS, LSC | TXDW)

    card.set_register(ICR, LSC)

    assert card.icr & (LSC | TXDW) == TXDW


def test_a_packet_without_an_end_fills_the_buffer_and_no_more(card: E1000) -> None:
    card.set_up(0, looped=False, tagged=False, strip=True)

    for _ in range(5):
        card._add(0x4000 | 0x08 << 24, 0, 0, b"")

    assert card.size == 0xFFFF
    assert E1000.state.save(card)


def test_a_word_of_the_eeprom_is_written_while_that_is_allowed() -> None:
    card = E1000()
    first = card.read_serially(5, 16)
    card.write_serially(4, 0xBEEF, False)
    card._command_eeprom("111000101")  # erase word 5
    card.write_serially(6, 0x1234, True)
    card._command_eeprom("111000110")  # erase word 6, which is not allowed any more

    assert [first, *(card.read_serially(word, 16) for word in (4, 5, 6))] == [0, 0xBEEF, 0xFFFF, 0x1234]


def test_words_are_read_bit_by_bit_and_sum_to_baba(card: E1000) -> None:
    words = [card.read_serially(word, 16) for word in range(64)]

    assert words == card.words
    assert sum(words) & 0xFFFF == 0xBABA
