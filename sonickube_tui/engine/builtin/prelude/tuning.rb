# Tunings other than the equal one.

class InvalidTuningError < ArgumentError; end

module Tuning
  # What the twelve notes from the fundamental on are to it; Sonic Pi's own numbers.
  RATIOS = {
    just: [
      1.0, 16.0 / 15, 9.0 / 8, 6.0 / 5, 5.0 / 4, 4.0 / 3, 45.0 / 32, 3.0 / 2, 8.0 / 5, 5.0 / 3, 9.0 / 5, 15.0 / 8
    ],
    pythagorean: [
      1.0, 2187.0 / 2048, 9.0 / 8, 19_683.0 / 16_384, 81.0 / 64, 4.0 / 3, 729.0 / 512, 3.0 / 2, 6561.0 / 4096,
      27.0 / 16, 59_049.0 / 32_768, 243.0 / 128
    ],
    meantone: [1.0, 1.0449, 1.1180, 1.1963, 1.25, 1.3375, 1.3975, 1.4953, 1.5625, 1.6719, 1.7889, 1.8692]
  }.freeze

  # A MIDI number in the tuning of the thread; between two notes, as far between their frequencies.
  def self.tune(note)
    system, fundamental = Strand.current.locals[:tuning]
    return note if system.nil? || system == :equal

    ratios = RATIOS[system] or raise InvalidTuningError, "Unknown tuning: #{system.inspect}"
    low, high = [note.floor, note.ceil].map { |whole| frequency(whole, ratios, Theory.midi(fundamental)) }
    Strand.snippet.hz_to_midi(low + ((high - low) * (note - note.floor)))
  end

  def self.frequency(note, ratios, fundamental)
    step = (note - fundamental) % 12
    Strand.snippet.midi_to_hz(note - step) * ratios[step]
  end

  def self.check(system)
    return if system.is_a?(Symbol)

    raise "tuning value must be a symbol like :just or :equal, got #{system.inspect}"
  end
end

module Language
  def use_tuning(system, fundamental = :c, &block)
    Blocks.refuse(:use_tuning, :with_tuning, block)
    Tuning.check(system)
    Strand.current.locals[:tuning] = [system, fundamental]
  end

  def with_tuning(system, fundamental = :c, &block)
    Blocks.need(:with_tuning, block)
    Tuning.check(system)
    Strand.with(tuning: [system, fundamental], &block)
  end
end
