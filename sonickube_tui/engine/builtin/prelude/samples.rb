# Samples: found by name or filter, and their arguments turned into what the players know.

# What Sonic Pi tells of a sample. `name` is for the score, `path` for the snippet: a built-in sample's name, or
# the path of a file in the folder that it was found in.
Recording = Struct.new(:name, :duration, :num_chans, :path) do
  def to_s = "#<Sample #{path}>"
  alias_method :inspect, :to_s

  # Equal parts of the sample, or of a part of it.
  def slices(count = 16, start = 0, finish = 1)
    size = (finish - start) / count.to_f
    Array.new(count.to_i) do |n|
      { start: start + (n * size), finish: start + ((n + 1) * size), index: n }
    end.ring
  end
end

# Found as Sonic Pi finds them (`sample_loader.rb` of 4.5.1): paths of files and folders come first and say where
# from, all that follows narrows the choice. Without any it is among the built-in samples, or among the user's own
# files when none of those is meant.
module Samples
  # What can only be meant as a path.
  PATH = %r{[/\\]|\A~|\.(wave?|aiff?|flac|og[ga]|mp3|m4a)\z}i

  class << self
    # The paths of the samples that a call's first arguments mean.
    def paths(filters)
      filters = flat(filters)
      return [] if filters.empty?

      sources = filters.take_while { |one| one.is_a?(String) && Files.at(one) }
      filters = filters.drop(sources.size)
      found = sources.empty? ? choice(filters) : sources.flat_map { |one| Files.at(one) }
      filters.inject(found) { |paths, filter| narrow(paths, filter) }
    end

    def find(filters)
      return filters if filters.size == 1 && filters[0].is_a?(Recording)

      paths(filters).map { |path| recording(path) }
    end

    def one(filters)
      first = filters[0]
      return first if first.is_a?(Recording)
      return recording(first) if filters.size == 1 && first.is_a?(Symbol) && Instruments.samples.key?(first.name)

      path = paths(filters).first
      path && recording(path)
    end

    # First arguments, and the rest as one hash.
    def split(args)
      first = args.take_while { |arg| !arg.is_a?(Hash) && !arg.is_a?(SPMap) }
      [first, Options.of(args.drop(first.size)).dup]
    end

    # Arguments as they are sent; `recording` tells how long the sample is.
    def settle(recording, args, instrument)
      args.compact!
      args.replace((Strand.current.locals[:sample_defaults] || {}).merge(args))
      stretch(recording, args)
      cut(recording, args)
      return args unless instrument

      Instruments.settle(args, instrument)
    end

    private

    def recording(path)
      return path if path.is_a?(Recording)

      name = path.to_s
      return Recording.new(name.to_sym, *Instruments.samples[name], name) if Instruments.samples.key?(name)

      file, seconds, channels = Files.load(name)
      Recording.new(file.to_sym, seconds, channels, name)
    end

    def flat(filters)
      filters.flat_map do |one|
        case one
        when Recording then [one.name.name == one.path ? one.name : one.path]
        when Array, Vector then flat(one.to_a)
        else [one]
        end
      end.compact
    end

    # Where to look when no path says it.
    def choice(filters)
      built_in = @built_in ||= Strand.snippet.all_sample_names.map(&:name).to_a
      meant = filters.grep(String) + filters.grep(Symbol) + filters.grep(Regexp)
      return built_in if meant.empty? || any?(built_in, meant)

      files = Files.all
      return files if any?(files, meant)

      first = filters.first
      if first.is_a?(String) && PATH.match?(first)
        raise SampleError, "sample #{first.inspect}: #{Files.refusal(first)}"
      end

      built_in
    end

    def any?(paths, filters) = paths.any? { |path| filters.all? { |filter| means?(filter, path) } }

    def means?(filter, path)
      name = File.basename(path, ".*")
      case filter
      when Symbol then name == filter.name
      when Regexp then name.match?(filter)
      else name.downcase.include?(filter.downcase) || file(path) == filter
      end
    end

    # What a file is called; Sonic Pi's own are all FLAC.
    def file(path) = Instruments.samples.key?(path) ? "#{path}.flac" : File.basename(path)

    def narrow(found, filter)
      case filter
      when String, Symbol, Regexp then found.select { |path| means?(filter, path) }
      when Integer then found.empty? ? [] : [found[filter % found.size]]
      when Proc
        raise "Sample Pack Proc needs to accept 1 argument only. Found #{filter.arity}" unless filter.arity == 1

        chosen = filter.call(found)
        Options.list?(chosen) ? chosen.to_a : [chosen]
      else raise "Unknown sample filter type: #{filter.class} - got: #{filter.inspect}"
      end
    end

    def stretch(recording, args)
      beats = ->(name) { positive(name, args[name]) }
      full = recording.duration / Strand.current.locals[:beat_seconds]
      args[:rate] = (1.0 / beats[:beat_stretch]) * (args[:rate] || 1) * full if args[:beat_stretch]
      if args[:pitch_stretch]
        rate = (1.0 / beats[:pitch_stretch]) * full
        args[:rate] = rate * (args[:rate] || 1)
        args[:pitch] = args[:pitch].to_f - Strand.snippet.ratio_to_pitch(rate)
      end
      args[:rate] = Strand.snippet.pitch_to_ratio(args[:rpitch].to_f) * (args[:rate] || 1) if args[:rpitch]
    end

    def positive(name, value)
      return value.to_f if value.is_a?(Numeric) && value.positive?

      raise "#{name}: opt needs to be a positive number. Got: #{value.inspect}"
    end

    def cut(recording, args)
      raise MissingError, "onset: of a sample is not in the built-in player" if args[:onset]
      return unless args[:slice]

      slices = recording.slices(args.fetch(:num_slices, 16).round)
      slice = args[:slice].is_a?(Proc) ? args[:slice].call(slices) : slices[args[:slice].round]
      slice = slice[0] if Options.list?(slice)
      size = slice[:finish] - slice[:start]
      args[:finish] = [slice[:start] + ((args[:finish] || 1) * size), 1].min
      args[:start] = slice[:start] + ((args[:start] || 0) * size)
      args[:slice] = slice[:index] if slice[:index]
    end
  end
end

# Samples that came after Sonic Pi 4.5.1: they play by name, and are in no list, so that the same is chosen.
LATER = %i[
  bd_jazz hat_len ride_tri ride_via tbd_fxbed_loop tbd_highkey_c4 tbd_pad_1 tbd_pad_2 tbd_pad_3 tbd_pad_4
  tbd_perc_blip tbd_perc_hat tbd_perc_tap_1 tbd_perc_tap_2 tbd_voctone
].freeze

module Language
  def sample(*args, &block)
    filters, opts = Samples.split(args)
    opts = (Strand.current.locals[:sample_defaults] || {}).merge(opts)
    filters = [opts.delete(:path)] if filters.empty? && opts.key?(:path)
    recording = Samples.one(filters)
    unless recording
      Score.say("sample #{filters.inspect} - no match found, skipping.")
      return BlankNode.new(opts)
    end

    simple = (opts.keys - Sounds::SIMPLE - Sounds::SLIDES).empty?
    instrument = Instruments.player(recording.num_chans, simple)
    opts = Samples.settle(recording, opts, instrument)
    Instruments.slides(opts, instrument)
    node = Sounds.begin(instrument, opts, sample: recording.name)
    Threads.begin({}, block) { block.call(node) } if block
    node
  end

  def sample_info(*args)
    filters, = Samples.split(args)
    Samples.one(filters) || raise("No sample found for #{filters.inspect}")
  end
  alias sample_buffer sample_info
  alias load_sample sample_info

  def load_samples(*args) = Samples.find(Samples.split(args)[0])

  def sample_loaded?(*args) = !Samples.paths(Samples.split(args)[0]).empty?

  # In beats, as it would sound with these arguments.
  def sample_duration(*args)
    recording = Samples.one(Samples.split(args)[0])
    raise ArgumentError, "Error calling sample_duration: filters matched no samples" unless recording

    opts = Samples.settle(recording, Samples.split(args)[1], nil)
    start, finish = (opts[:start] || 0).to_f, (opts[:finish] || 1).to_f
    part = [[start, 0.0].max, 1.0].sort[0] - [[finish, 0.0].max, 1.0].sort[0]
    seconds = recording.duration / (opts[:rate] || 1).abs * part.abs
    if opts.key?(:sustain) && opts[:sustain] != -1
      seconds = [%i[attack decay sustain release].sum { |name| [0, opts[name].to_f].max }, seconds].min
    end
    Strand.current.locals[:scale_arguments] ? seconds / current_beat_duration : seconds
  end

  def use_sample_bpm(name, *opts)
    seconds = Strand.with(scale_arguments: false) { sample_duration(name, *opts) }
    use_bpm((Options.of(opts)[:num_beats] || 1) * (60.0 / seconds))
  end

  def with_sample_bpm(name, *opts, &)
    with_bpm((Options.of(opts)[:num_beats] || 1) * (60.0 / sample_info(name).duration), &)
  end

  def all_sample_names = (Instruments.samples.keys.map(&:to_sym) - LATER).sort.ring

  def sample_names(group)
    names = all_sample_names.to_a.select { |name| name.start_with?("#{group}_") }
    raise "Unknown sample group #{group.inspect}" if names.empty?

    names.ring
  end

  def sample_groups = all_sample_names.to_a.map { |name| name.name.split("_").first.to_sym }.uniq.ring

  def sample_paths(*args) = Samples.paths(Samples.split(args)[0]).ring
end
