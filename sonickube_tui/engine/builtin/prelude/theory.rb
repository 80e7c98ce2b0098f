# Notes, scales and chords.

class InvalidNoteError < ArgumentError; end
class InvalidOctaveError < ArgumentError; end
class InvalidScaleError < ArgumentError; end
class InvalidDegreeError < ArgumentError; end

# A note with its names, as `note_info` tells it.
class Note
  NAMES = %i[C Cs D Eb E F Fs G Ab A Bb B].freeze
  STEPS = { "c" => 0, "d" => 2, "e" => 4, "f" => 5, "g" => 7, "a" => 9, "b" => 11 }.freeze
  TEXT = /\A:?([a-g])([sbf]?)(-?[0-9]*)\z/i

  attr_reader :pitch_class, :octave, :interval, :midi_note, :midi_string

  def initialize(name, octave = nil)
    if name.is_a?(Numeric)
      octave = (name / 12).to_i - 1
      name = NAMES[name.to_i % 12]
    end
    letter, sign, digits = TEXT.match(name.to_s)&.captures
    raise InvalidNoteError, "Invalid note: #{name.inspect}" unless letter
    unless octave.nil? || octave.is_a?(Integer)
      raise InvalidOctaveError, "Invalid octave: #{octave.inspect}, expecting a whole number such as 3 or 4!"
    end

    sign = sign.downcase.tr("f", "b")
    @octave = octave || (digits.empty? ? 4 : digits.to_i)
    @interval = STEPS[letter.downcase] + { "" => 0, "s" => 1, "b" => -1 }[sign]
    @pitch_class = :"#{letter.upcase}#{sign}"
    @midi_note = (@octave * 12) + @interval + 12
    @midi_string = "#{@pitch_class}#{@octave}"
  end

  def to_h = { pitch_class:, octave:, interval:, midi_note:, midi_string: }

  def inspect = "#<SonicPi::Note :#{@midi_string}>"
  alias to_s inspect
end

module Theory
  # Steps in semitones, as letters from 1; some scales are others begun on a later step.
  STEPS = {
    ionian: "2212221", hex_major6: "221223", minor_pentatonic: "32232",
    whole_tone: "222222", chromatic: "111111111111", harmonic_minor: "2122131",
    melodic_minor_asc: "2122221", hungarian_minor: "2131131", octatonic: "21212121",
    messiaen1: "222222", messiaen2: "12121212", messiaen3: "211211211", messiaen4: "11311131",
    messiaen5: "141141", messiaen6: "22112211", messiaen7: "1112111121", super_locrian: "1212222",
    hirajoshi: "21414", kumoi: "21423", neapolitan_major: "1222221", bartok: "2212122", bhairav: "1312131",
    locrian_major: "2211222", ahirbhairav: "1312212", enigmatic: "1322211", neapolitan_minor: "1222131",
    pelog: "12414", augmented2: "131313", scriabin: "13323", harmonic_major: "2212131",
    melodic_minor_desc: "2122122", romanian_minor: "2131212", iwato: "14142", diminished2: "21212121",
    marva: "1321221", indian: "41232", spanish: "1312122", prometheus: "22251", diminished: "12121212",
    todi: "1231131", leading_whole: "2222211", augmented: "313131", purvi: "1321131", chinese: "42141",
    lydian_minor: "2221122", blues_major: "211323", blues_minor: "321132"
  }.transform_values { |steps| steps.chars.map(&:to_i) }.freeze

  ROTATED = {
    dorian: [:ionian, 1], phrygian: [:ionian, 2], lydian: [:ionian, 3], mixolydian: [:ionian, 4],
    aeolian: [:ionian, 5], locrian: [:ionian, 6], hex_dorian: [:hex_major6, 1],
    hex_phrygian: [:hex_major6, 2], hex_major7: [:hex_major6, 3], hex_sus: [:hex_major6, 4],
    hex_aeolian: [:hex_major6, 5],
    major_pentatonic: [:minor_pentatonic, 1], egyptian: [:minor_pentatonic, 2], jiao: [:minor_pentatonic, 3],
    ritusen: [:minor_pentatonic, 4]
  }.freeze

  ALSO = {
    diatonic: :ionian, major: :ionian, minor: :aeolian, yu: :minor_pentatonic, gong: :major_pentatonic,
    shang: :egyptian, zhi: :ritusen, whole: :whole_tone, hindu: :bartok, melodic_major: :bartok,
    melodic_minor: :melodic_minor_asc
  }.freeze

  # Turkish music divides a whole tone into nine commas, and an octave has 53 of them: a step is a letter.
  COMMAS = { b: 4, s: 5, k: 8, t: 9, a: 12 }.transform_values { |commas| commas * (12.0 / 53) }.freeze

  # Its scales are fourths and fifths, one on the other.
  PARTS = {
    cargah4: "ttb", buselik4: "tbt", kurdi4: "btt", rast4: "tks", ussak4: "kst", hicaz4: "sas", segah4: "stk",
    mustear4: "tsk", cargah5: "ttbt", buselik5: "tbtt", rast5: "tkst", huseyni5: "kstt", hicaz5: "sast",
    segah5: "stkt", low_segah5: "stks", huzzam5: "stsa", nikriz5: "tsas", ferahnak5: "sttk",
    low_ferahnak5: "sttb", saba2: "ks", segah2: "st", low1: "s"
  }.freeze

  MAKAMS = {
    "cargah mahur acem_asiran sevkefza" => %i[cargah5 cargah4],
    "buselik nihavend sultani_yegah" => %i[buselik5 kurdi4],
    "buselik_2 nihavend_2 sultani_yegah_2 ferahfeza" => %i[buselik5 hicaz4],
    "kurdi kurdili_hicazkar" => %i[kurdi4 buselik5],
    "kurdili_hicazkar_2" => %i[kurdi4 hicaz4 buselik5], "kurdili_hicazkar_3" => %i[kurdi4 hicaz4 hicaz5],
    "kurdili_hicazkar_4" => %i[kurdi4 ussak4 buselik5], "kurdili_hicazkar_5" => %i[kurdi4 ussak4 ussak4],
    "acem_kurdi" => %i[kurdi4 cargah5], "rast" => %i[rast5 rast4], "acemli_rast yegah" => %i[rast5 buselik4],
    "yegah_2" => %i[rast5 ussak4 rast5], "suznak" => %i[rast5 hicaz4],
    "suznak_2" => %i[rast5 hicaz4 buselik5], "ussak bayati isfahan" => %i[ussak4 buselik5],
    "bayati_2 isfahan_2" => %i[ussak4 buselik5 kurdi4], "neva tahir" => %i[ussak4 rast5],
    "neva_2 tahir_2" => %i[ussak4 rast5 buselik4], "karcigar" => %i[ussak4 hicaz5],
    "bayati_araban" => %i[ussak4 hicaz5 kurdi4], "huseyni muhayyer gulizar" => %i[huseyni5 ussak4],
    "huseyni_2" => %i[huseyni5 ussak4 buselik5], "hicaz_humayun sehnaz" => %i[hicaz4 buselik5],
    "hicaz_humayun_2" => %i[hicaz4 buselik5 kurdi4], "hicaz sehnaz_2" => %i[hicaz4 rast5],
    "hicaz_2" => %i[hicaz4 rast5 buselik4], "uzzal sehnaz_3" => %i[hicaz5 ussak4],
    "uzzal_2" => %i[hicaz5 ussak4 buselik5],
    "zirguleli_hicaz zirguleli_suznak hicazkar evcara" => %i[hicaz5 hicaz4],
    "suzidil sedaraban sehnaz_4 dugah_2" => %i[hicaz5 hicaz4],
    "zirguleli_hicaz_2 zirguleli_suznak_2 hicazkar_2" => %i[hicaz5 hicaz4 buselik5],
    "zirguleli_suznak_3" => %i[hicaz5 hicaz4 hicaz5], "evcara_2" => %i[hicaz5 hicaz4 mustear4],
    "evcara_3" => %i[hicaz5 hicaz4 low_ferahnak5], "evcara_4" => %i[hicaz5 hicaz4 low_segah5],
    "suzidil_2" => %i[hicaz5 hicaz4 hicaz5 kurdi4], "sedaraban_2" => %i[hicaz5 hicaz4 hicaz4 buselik5],
    "segah" => %i[segah5 hicaz4], "segah_2" => %i[segah2 ussak4 buselik5], "huzzam" => %i[huzzam5 hicaz4],
    "huzzam_2" => %i[segah2 hicaz4 buselik5], "saba dugah" => %i[saba2 hicaz5 hicaz4], "evic" => %i[segah4],
    "evic_2" => %i[low_segah5], "bestenigar" => %i[segah4 low1 hicaz5 hicaz4],
    "ferahnak" => %i[ferahnak5 hicaz4], "sevkefza_2" => %i[cargah5 hicaz5 hicaz4],
    "sevkefza_3" => %i[nikriz5 hicaz5 hicaz4], "ferahfeza_2" => %i[buselik5 ussak4]
  }.flat_map do |names, parts|
    steps = parts.flat_map { |part| PARTS[part].chars.map { |step| COMMAS[step.to_sym] } }
    names.split.map { |name| [name.to_sym, steps] }
  end.to_h.freeze

  SCALES = begin
    scales = STEPS.merge(ROTATED.transform_values { |name, by| STEPS[name].rotate(by) })
    scales.merge(ALSO.transform_values { |name| scales[name] }, MAKAMS).freeze
  end

  # Semitones above the root, and the names of each chord.
  CHORDS = {
    [0] => "1", [0, 7] => "5", [0, 4, 8] => "+5 augmented a", [0, 3, 8] => "m+5", [0, 2, 7] => "sus2",
    [0, 5, 7] => "sus4", [0, 4, 7] => "major maj M", [0, 3, 7] => "minor min m",
    [0, 3, 6] => "diminished dim i", [0, 4, 7, 9] => "6", [0, 3, 7, 9] => "m6",
    [0, 2, 7, 10] => "7sus2", [0, 5, 7, 10] => "7sus4",
    [0, 4, 6, 10] => "7-5", [0, 3, 6, 10] => "halfdiminished halfdim m7b5 m7-5", [0, 4, 8, 10] => "7+5",
    [0, 3, 8, 10] => "m7+5", [0, 4, 7, 10] => "7 dom7", [0, 4, 7, 11] => "major7 M7",
    [0, 3, 7, 10] => "minor7 m7", [0, 3, 6, 9] => "diminished7 dim7 i7", [0, 4, 7, 10, 14] => "9",
    [0, 3, 7, 10, 14] => "m9 m7+9", [0, 4, 7, 11, 14] => "maj9", [0, 5, 7, 10, 14] => "9sus4",
    [0, 4, 7, 9, 14] => "6*9", [0, 3, 7, 9, 14] => "m6*9", [0, 4, 7, 10, 13] => "7-9",
    [0, 3, 7, 10, 13] => "m7-9", [0, 4, 7, 10, 15] => "7-10", [0, 4, 7, 10, 16] => "7-11",
    [0, 4, 7, 10, 20] => "7-13", [0, 10, 13] => "9+5", [0, 10, 14] => "m9+5", [0, 4, 8, 10, 13] => "7+5-9",
    [0, 3, 8, 10, 13] => "m7+5-9", [0, 4, 7, 10, 14, 17] => "11", [0, 3, 7, 10, 14, 17] => "m11",
    [0, 4, 7, 11, 14, 17] => "maj11", [0, 4, 7, 10, 14, 18] => "11+", [0, 3, 7, 10, 14, 18] => "m11+",
    [0, 4, 7, 10, 14, 17, 21] => "13", [0, 3, 7, 10, 14, 17, 21] => "m13", [0, 2, 4, 7] => "add2",
    [0, 4, 5, 7] => "add4", [0, 4, 7, 14] => "add9", [0, 4, 7, 17] => "add11", [0, 4, 7, 21] => "add13",
    [0, 2, 3, 7] => "madd2", [0, 3, 5, 7] => "madd4", [0, 3, 7, 14] => "madd9", [0, 3, 7, 17] => "madd11",
    [0, 3, 7, 21] => "madd13"
  }.flat_map { |steps, names| names.split.map { |name| [name.to_sym, steps] } }.to_h.freeze

  DEGREE = /\A(p|aa|a|dd|d)?(.+)\z/
  SHIFT = { nil => 0, "p" => 0, "aa" => 2, "a" => 1, "dd" => -2, "d" => -1 }.freeze
  ROMAN = { "i" => 1, "v" => 5, "x" => 10, "l" => 50, "c" => 100, "d" => 500, "m" => 1000 }.freeze
  ROMAN_TEXT = /\Am{0,4}(cm|cd|d?c{0,4})(xc|xl|l?x{0,4})(ix|iv|v?i{0,4})\z/

  # The MIDI number of a symbol or text; numbers and nil stay as they are.
  def self.midi(note)
    case note
    when Symbol, String then Note.new(note).midi_note
    when Numeric, nil then note
    end
  end

  def self.scale(tonic, name, octaves = 1)
    steps = SCALES[name.to_sym] or raise InvalidScaleError, "Unknown scale name: #{name.inspect}"
    (steps * octaves).inject([midi(tonic)]) { |notes, step| notes << (notes.last + step) }
  end

  def self.chord(tonic, name, octaves = 1)
    steps = CHORDS[name.to_sym] or raise "Unknown chord name: #{name.to_sym.inspect}"
    root = midi(tonic)
    Array.new(octaves || 1) { |octave| steps.map { |step| root + step + (octave * 12) } }.flatten
  end

  # Degrees count from 1: a number, a text of one, or a roman numeral.
  def self.degree_index(degree)
    text = degree.to_s.downcase
    number = degree.is_a?(Numeric) ? degree : Integer(text, exception: false) || roman(text)
    return number - 1 if number&.positive?

    raise InvalidDegreeError, "Invalid scale degree #{degree.inspect}, scale degree must be a valid number " \
                              "or roman numeral greater than 0"
  end

  def self.roman(text)
    return unless ROMAN_TEXT.match?(text)

    values = text.chars.map { |letter| ROMAN[letter] }
    values.each_with_index.sum { |value, n| (values[n + 1] || 0) > value ? -value : value }
  end

  def self.degree(degree, tonic, name)
    notes = scale(tonic, name)
    shift = 0
    unless degree.is_a?(Numeric)
      sign, degree = DEGREE.match(degree.to_s.downcase)&.captures
      shift = SHIFT[sign]
    end
    octave, index = degree_index(degree).divmod(notes.size - 1)
    notes[index] + (octave * 12) + shift
  end
end

module Language
  def note(name, *opts)
    case name
    when Numeric then return name
    when nil, :r, :rest then return nil
    when Proc then return note(name.call, *opts)
    when Hash then raise "Unable to create a note from the Map: #{name.inspect}"
    end
    octave = Options.of(opts)[:octave]
    return Theory.midi(name) unless octave
    raise InvalidOctaveError, "Invalid octave: #{octave.inspect}" unless octave.is_a?(Numeric)

    (Theory.midi(name) % 12) + (octave.to_i * 12) + 12
  end

  def rest?(note)
    case note
    when Symbol, nil then [nil, :r, :rest].include?(note)
    when Hash then note.key?(:note) && rest?(note[:note])
    else false
    end
  end

  def note_info(name, opts = nil)
    raise "note_info argument must be a valid note. Got nil." if name.nil?

    Note.new(name, Options.of(opts)[:octave])
  end

  def note_range(first, last, *opts)
    first, last = note(first), note(last)
    notes = Range.new(*[first, last].minmax)
    classes = Options.of(opts)[:pitches]&.map { |pitch| note(pitch).to_i % 12 }
    notes = (classes ? notes.select { |n| classes.include?(n.to_i % 12) } : notes).ring
    first <= last ? notes : notes.reverse
  end

  def scale(tonic_or_name, name_or_opts = nil, opts = nil)
    tonic, name = tonic_or_name, name_or_opts
    tonic, name, opts = 0, tonic_or_name, name_or_opts if name_or_opts.nil? || name_or_opts.is_a?(Hash)
    Theory.scale(tonic, name, (opts.is_a?(Hash) && opts[:num_octaves]) || 1).ring
  end

  def degree(degree, tonic, scale) = Theory.degree(degree, tonic, scale)

  def chord(tonic_or_name, *opts)
    alone = opts.empty? || (opts.size == 1 && opts[0].is_a?(Hash))
    tonic, name = alone ? [0, tonic_or_name] : [tonic_or_name, opts.shift]
    return [] unless tonic

    opts = Options.of(opts)
    if Options.list?(tonic)
      raise "List passed as parameter to chord needs two elements i.e. (chord [:e3, :minor]), " \
            "you passed: #{tonic.inspect}" unless tonic.size == 2

      tonic, name = *tonic
    end
    notes = Theory.chord(tonic, name, opts[:num_octaves])
    opts[:invert] ? chord_invert(notes, opts[:invert]) : notes.ring
  end

  def chord_degree(degree, tonic, scale = :major, number_of_notes = 4, *opts)
    from = Theory.scale(tonic, scale, 2).drop(Theory.degree_index(degree))
    notes = from.select.with_index { |_, n| n.even? }.take(number_of_notes)
    chord_invert(notes, Options.of(opts)[:invert] || 0)
  end

  def chord_invert(notes, shift)
    raise "Inversion shift value must be a number, got #{shift.inspect}" unless shift.is_a?(Numeric)
    raise "Notes must be a list of notes, got #{notes.inspect}" unless Options.list?(notes)

    notes = notes.to_a
    shift.round.abs.times do
      notes = shift.positive? ? notes.drop(1) << (notes[0] + 12) : (notes[0..-2] << (notes[-1] - 12)).sort
    end
    notes.sort.ring
  end
  alias invert_chord chord_invert

  def octs(start, number = 1) = Array.new(number) { |n| note(start) + (12 * n) }.ring

  def midi_notes(*notes) = notes.map { |n| note(n) }.ring

  def scale_names = Theory::SCALES.keys.sort.ring

  def chord_names = Theory::CHORDS.keys.map(&:to_s).sort.ring

  def pitch_to_ratio(semitones) = 2.0**(semitones.to_f / 12.0)

  def ratio_to_pitch(ratio) = 12.0 * Math.log2(ratio.abs.to_f)

  def midi_to_hz(note)
    number = note(note)
    unless number.is_a?(Numeric)
      raise "Invalid argument to midi_to_hz. Expected a note or a number, got: #{note.inspect}"
    end

    440.0 * (2**((number - 69) / 12.0))
  end

  # The factor is 1 / 440 to the digits that Sonic Pi reckons with.
  def hz_to_midi(frequency) = (12 * (Math.log(frequency * 0.0022727272727) / Math.log(2))) + 69

  { transpose: :transpose, octave: :octave, cent_tuning: :cents }.each do |name, local|
    define_method(:"use_#{name}") do |shift, &block|
      Blocks.refuse(:"use_#{name}", :"with_#{name}", block)
      Blocks.number(name, shift)
      Strand.current.locals[local] = shift
    end

    define_method(:"with_#{name}") do |shift, &block|
      Blocks.need(:"with_#{name}", block)
      Blocks.number(name, shift)
      Strand.with(local => shift, &block)
    end

    define_method(:"current_#{name}") { Strand.current.locals[local] || 0 }
  end
end

class Vector
  # The list's names of notes as MIDI numbers.
  def notes(*opts) = to_a.map { |name| Strand.snippet.note(name, *opts) }
end
